/* stock: keeps products.stock right while orders come in.
 *
 * Road: a new order → take its quantity from the product, if there is enough → count it in the customer's profile. The
 * check and the change are one UPDATE, so two orders at once cannot both take the last piece. */
#include "alyx.h"

/* The error that a sold-out order ends with: the writer's INSERT is undone with it. */
static int sold_out(slice product_id, slice quantity) {
    slice reply = db_query(TEXT("SELECT name, stock FROM products WHERE id = $1"), PARAMS(product_id));
    slice product = json_first(json_get(reply, TEXT("rows")));
    slice name = json_get(product, TEXT("name")), left = json_get(product, TEXT("stock"));

    writer error = {0};
    put(&error, TEXT("{\"sqlstate\":\"SO001\",\"table\":\"products\",\"column\":\"stock\",\"constraint\":\"stock_available\",\"message\":"));
    if (name.length) {
        put(&error, SENTENCE(TEXT("product \\\""), name, TEXT("\\\" is sold out")));
        put(&error, TEXT(",\"detail\":"));
        put(&error, SENTENCE(TEXT("Ordered: "), quantity, TEXT("; in stock: "), left, TEXT(".")));
        put(&error, TEXT(",\"hint\":\"Order fewer, or wait until the product is back in stock.\""));
    } else {
        put(&error, SENTENCE(TEXT("product "), product_id, TEXT(" does not exist")));
    }
    put(&error, TEXT("}"));
    alyx_ask(alyx_host_raise, written(&error));
    return 1;
}

/* AFTER INSERT ON orders FOR EACH ROW. */
ALYX_EXPORT("handler") int handler(void) {
    slice order = JSON_PATH(alyx_input(), TEXT("database"), TEXT("new"));
    slice product_id = json_get(order, TEXT("product_id")), quantity = json_get(order, TEXT("qty"));
    slice customer = json_get(order, TEXT("customer"));

    slice reply = db_query(TEXT("UPDATE products SET stock = stock - $1 WHERE id = $2 AND stock >= $1"), PARAMS(quantity, product_id));
    if (slice_equal(json_get(reply, TEXT("row_count")), TEXT("0"))) return sold_out(product_id, quantity);

    db_query(TEXT("INSERT INTO profiles AS p (customer, orders, pieces) VALUES ($1, 1, $2)"
                  " ON CONFLICT (customer) DO UPDATE SET orders = p.orders + 1, pieces = p.pieces + excluded.pieces"),
             PARAMS(customer, quantity));
    return 0;
}

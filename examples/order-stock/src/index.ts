// order-stock: a BEFORE INSERT trigger on orders. It locks the product's row, refuses what is not there, takes the pieces from
// stock and completes the order, all in the transaction of the order.

import { handler } from "@alyx/functions";

interface Order {
  id: number;
  product_id: number;
  qty: number;
  total_cents: number | null;
}

interface Product {
  id: number;
  name: string;
  stock: number;
  price_cents: number;
}

export default handler<null, void, Order>(async (ctx) => {
  const order = ctx.row;
  const products = ctx.db.table<Product>("store.products");

  // Two orders of the same product come one after another from here on, until their transactions end.
  const product = await products.get(order.product_id, { lock: "update" });
  if (product === null) {
    throw { code: "NO_SUCH_PRODUCT", message: `there is no product ${order.product_id}`, field: "product_id" };
  }
  if (product.stock < order.qty) {
    throw {
      code: "OUT_OF_STOCK",
      message: `only ${product.stock} of "${product.name}" left`,
      field: "qty",
      product: product.id,
      available: product.stock,
      hint: product.stock > 0 ? `Order ${product.stock} or fewer.` : "It will be back.",
    };
  }

  await products.update(product.id, { stock: product.stock - order.qty }, { returning: false });
  // What changes here is stored with the row.
  order.total_cents = product.price_cents * order.qty;
});

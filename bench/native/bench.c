/* The floor: the same functions as C would be written against PostgreSQL's fmgr. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(c_noop);
Datum c_noop(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    PG_RETURN_INT32(PG_GETARG_INT32(0));
}

static void push_string(JsonbParseState **state, JsonbIteratorToken token, char *text, int length) {
    JsonbValue value;

    value.type = jbvString;
    value.val.string.val = text;
    value.val.string.len = length;
    pushJsonbValue(state, token, &value);
}

PG_FUNCTION_INFO_V1(c_json);
Datum c_json(PG_FUNCTION_ARGS) {
    JsonbValue  buffer, *name;
    JsonbParseState *state = NULL;
    char       *message;

    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    name = getKeyJsonValueFromContainer(&PG_GETARG_JSONB_P(0)->root, "name", 4, &buffer);
    if (name == NULL || name->type != jbvString) ereport(ERROR, (errmsg("no name")));
    message = palloc(name->val.string.len + 8);
    memcpy(message, "Hello, ", 7);
    memcpy(message + 7, name->val.string.val, name->val.string.len);
    message[7 + name->val.string.len] = '!';

    pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
    push_string(&state, WJB_KEY, "message", 7);
    push_string(&state, WJB_VALUE, message, name->val.string.len + 8);
    PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

PG_FUNCTION_INFO_V1(c_sieve);
Datum c_sieve(PG_FUNCTION_ARGS) {
    int         limit = PG_GETARG_INT32(0), primes = 0;
    char       *composite = palloc0(Max(limit, 1));

    for (int i = 2; i * i < limit; i++)
        if (!composite[i])
            for (int j = i * i; j < limit; j += i) composite[j] = 1;
    for (int i = 2; i < limit; i++) primes += !composite[i];
    pfree(composite);
    PG_RETURN_INT32(primes);
}

PG_FUNCTION_INFO_V1(c_trg_noop);
Datum c_trg_noop(PG_FUNCTION_ARGS) {
    if (!CALLED_AS_TRIGGER(fcinfo)) elog(ERROR, "not called as a trigger");
    return PointerGetDatum(NULL);
}

PG_FUNCTION_INFO_V1(c_trg_slug);
Datum c_trg_slug(PG_FUNCTION_ARGS) {
    TriggerData *trigger = (TriggerData *) fcinfo->context;
    TupleDesc   columns = trigger->tg_relation->rd_att;
    bool        is_null, never_null = false, dash = false;
    Datum       title = heap_getattr(trigger->tg_trigtuple, SPI_fnumber(columns, "title"), columns, &is_null);
    int         slug_column = SPI_fnumber(columns, "slug");
    text       *from, *to;
    char       *end;
    Datum       slug;

    if (is_null) return PointerGetDatum(trigger->tg_trigtuple);
    from = DatumGetTextPP(title);
    to = palloc(VARSIZE_ANY_EXHDR(from) + VARHDRSZ);
    end = VARDATA(to);
    for (int i = 0; i < VARSIZE_ANY_EXHDR(from); i++) {
        char        byte = VARDATA_ANY(from)[i];
        bool        keep;

        if (byte >= 'A' && byte <= 'Z') byte |= 32;
        keep = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        if (keep) *end++ = byte;
        else if (!dash) *end++ = '-';
        dash = !keep;
    }
    SET_VARSIZE(to, end - (char *) to);
    slug = PointerGetDatum(to);
    return PointerGetDatum(heap_modify_tuple_by_cols(trigger->tg_trigtuple, columns, 1, &slug_column, &slug, &never_null));
}

PG_FUNCTION_INFO_V1(c_trg_stock);
Datum c_trg_stock(PG_FUNCTION_ARGS) {
    static SPIPlanPtr plan = NULL;
    static Oid  types[2] = {INT4OID, INT4OID};
    TriggerData *trigger = (TriggerData *) fcinfo->context;
    TupleDesc   columns = trigger->tg_relation->rd_att;
    Datum       values[2];
    bool        is_null;

    SPI_connect();
    if (plan == NULL) {
        plan = SPI_prepare("UPDATE b_stock SET stock = stock - $1 WHERE id = $2", 2, types);
        SPI_keepplan(plan);
    }
    values[0] = SPI_getbinval(trigger->tg_trigtuple, columns, SPI_fnumber(columns, "qty"), &is_null);
    values[1] = SPI_getbinval(trigger->tg_trigtuple, columns, SPI_fnumber(columns, "product_id"), &is_null);
    if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_UPDATE) elog(ERROR, "update failed");
    SPI_finish();
    return PointerGetDatum(NULL);
}

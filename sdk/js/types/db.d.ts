// Types of ctx.db.

import type { Database } from "../index.js";

export type AnyRow = { [column: string]: any };

/** SQL and tables. Every call returns a promise. */
export type Db = DbCalls & {
  readonly [Name in Exclude<keyof Database, keyof DbCalls>]: Table<Database[Name] extends object ? Database[Name] : AnyRow>;
} & (keyof Database extends never ? { readonly [name: string]: Table<AnyRow> } : {});

export interface DbCalls {
  /** Rows of one statement, with its `columns` and `rowCount`. Values are always bound: `$1`, `$2`, … */
  query<Row = AnyRow>(sql: string, params?: readonly unknown[], options?: QueryOptions): Promise<Rows<Row>>;
  /** The number of rows that a statement changed or returned. */
  exec(sql: string, params?: readonly unknown[], options?: QueryOptions): Promise<number>;
  /** The same as a template: each `${value}` is bound, never spliced in. */
  sql<Row = AnyRow>(text: TemplateStringsArray, ...values: unknown[]): Promise<Rows<Row>>;
  /** Several statements in one call, all or none. */
  batch(statements: readonly Statement[]): Promise<Rows<AnyRow>[]>;
  /**
   * Runs `work` so that all its SQL is undone when it throws. It is a part of the caller's transaction: what it keeps is
   * committed by the caller. They may stand inside each other, but not beside each other in `Promise.all`.
   */
  transaction<T>(work: (tx: Db) => T | Promise<T>): Promise<T>;
  /** A table by another name, schema or key: `ctx.db.table("shop.orders", { key: "order_id" })`. */
  table<Row extends object = AnyRow>(name: string, options?: { key?: string }): Table<Row>;
}

export type Statement = string | readonly [sql: string, params?: readonly unknown[]] | { sql: string; params?: readonly unknown[] };

export interface QueryOptions {
  /** `false`: a failure ends the function instead of being thrown, which saves a subtransaction. */
  catch?: boolean;
}

export type Rows<Row> = Row[] & { readonly columns: readonly string[]; readonly rowCount: number };

/** One table. Without `key` in `ctx.db.table`, the primary key is the column `id`. */
export interface Table<Row extends object = AnyRow> {
  /** Rows, and how many there are without `limit` and `offset`. */
  list(options: ListOptions<Row> & { total: false }): Promise<{ docs: Row[] }>;
  list(options?: ListOptions<Row>): Promise<ListResult<Row>>;
  count(filter?: Filter<Row>): Promise<number>;
  /** The row of a key, or the first that a filter finds; null when there is none. */
  get(which: Key | Filter<Row>, options?: GetOptions<Row>): Promise<Row | null>;
  /** Inserts a row and returns it as it is stored; an array inserts all of its rows in one statement. */
  create(values: Partial<Row>, options: CreateOptions<Row> & { returning: false }): Promise<number>;
  create(values: Partial<Row>[], options: CreateOptions<Row> & { returning: false }): Promise<number>;
  create(values: Partial<Row>[], options?: CreateOptions<Row>): Promise<Row[]>;
  create(values: Partial<Row>, options?: CreateOptions<Row>): Promise<Row>;
  /** Sets columns of a key's row, or of all rows that a filter finds; the changed rows. */
  update(which: Key | Filter<Row>, patch: Partial<Row>, options: UpdateOptions<Row> & { returning: false }): Promise<number>;
  update(which: Key | Filter<Row>, patch: Partial<Row>, options?: UpdateOptions<Row>): Promise<Row[]>;
  /** Deletes a key's row, or all that a filter finds; how many, or the rows with `returning: true`. */
  delete(which: Key | Filter<Row>, options: DeleteOptions<Row> & { returning: true | (keyof Row & string)[] }): Promise<Row[]>;
  delete(which: Key | Filter<Row>, options?: DeleteOptions<Row>): Promise<number>;
}

/** A value of the primary key. */
export type Key = string | number | bigint | boolean | Date;

export interface ListResult<Row> {
  docs: Row[];
  total: number;
}

/** Column names, `-` before one for descending order: `"-created_at,name"`, or an array. */
export type Sort<Row> = string | readonly ((keyof Row & string) | `-${keyof Row & string}`)[];

export interface ReadOptions<Row> {
  sort?: Sort<Row>;
  /** Only these columns. */
  select?: readonly (keyof Row & string)[] | string;
  /** Locks the rows until the transaction ends, as `SELECT … FOR …` does. */
  lock?: "update" | "no key update" | "share" | "key share";
  /** What to do about rows that are locked already; without it the call waits for them. */
  wait?: "nowait" | "skip locked";
}

export interface GetOptions<Row> extends ReadOptions<Row> {}

export interface ListOptions<Row> extends ReadOptions<Row> {
  filter?: Filter<Row>;
  limit?: number;
  offset?: number;
  /** `false` leaves the total out, which can save a second query. */
  total?: boolean;
}

export interface CreateOptions<Row> {
  /** `false`: only the number of rows, which needs no right to read them; or the columns to return. */
  returning?: boolean | readonly (keyof Row & string)[];
}

export interface UpdateOptions<Row> extends CreateOptions<Row> {
  /** Allows a filter without a condition, which means every row. */
  all?: boolean;
}

export interface DeleteOptions<Row> extends UpdateOptions<Row> {}

/** Conditions by column, all of which must hold. `$or`, `$and` and `$not` combine filters. */
export type Filter<Row = AnyRow> = { [Column in keyof Row]?: Condition<Row[Column]> } & {
  $or?: readonly Filter<Row>[];
  $and?: readonly Filter<Row>[];
  $not?: Filter<Row>;
};

/** A value (null means IS NULL), or operators. */
export type Condition<Value> = Value | null | Date | Operators<Value>;

export interface Operators<Value = any> {
  $eq?: Value | null;
  /** Unequal; finds NULL too, unless it is compared with null. */
  $ne?: Value | null;
  $gt?: Value | Date;
  $gte?: Value | Date;
  $lt?: Value | Date;
  $lte?: Value | Date;
  $in?: readonly (Value | null)[];
  /** In none of them; finds NULL too, unless null is one of them. */
  $nin?: readonly (Value | null)[];
  /** `%` is any text, `_` any character. */
  $like?: string;
  /** The same without regard to case. */
  $ilike?: string;
  $null?: boolean;
  $not?: Value | null | Operators<Value>;
}

// A table: columns that can sort, rows that can open, and never more rows in the document than were asked for. In a narrow
// window the style sheet makes a card of each row; the roles say that it is a table all the same.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Fragment } from "preact";
import { useMemo } from "preact/hooks";

const ROWS_AT_ONCE = 200;

export interface Column<Row> {
  name: string;
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** To sort by; what has none comes last. */
  order?: (row: Row) => string | number | null | undefined;
  /** Left out where there is little room. */
  isMinor?: boolean;
  /** Of actions the title is for those who hear it alone. */
  kind?: "plain" | "number" | "text" | "actions" | "main";
}

export interface TableOf<Row> {
  label: string;
  testid: string;
  rowTestid: string;
  columns: Column<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string;
  detail?: (row: Row) => ComponentChildren;
  sorted?: { by: string; isDown: boolean };
}

export function Table<Row>({ label, testid, rowTestid, columns, rows, keyOf, detail, sorted }: TableOf<Row>) {
  const shown = useSignal(ROWS_AT_ONCE);
  const order = useSignal(sorted ?? null);
  const open = useSignal<ReadonlySet<string>>(new Set());
  const ordered = useMemo(() => sort(rows, columns, order.value), [rows, columns, order.value]);
  const visible = ordered.slice(0, shown.value);

  function toggle(key: string) {
    const next = new Set(open.peek());
    if (!next.delete(key)) next.add(key);
    open.value = next;
  }

  return (
    <>
      <div class="table-box">
        <table role="table" aria-label={label} aria-rowcount={rows.length + 1} data-testid={testid}>
          <thead role="rowgroup">
            <tr role="row">
              {detail && <th role="columnheader" class="opener"><span class="unseen">Details</span></th>}
              {columns.map((column) => <Header key={column.name} column={column} order={order.value} sortBy={(next) => (order.value = next)} />)}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {visible.map((row) => {
              const key = keyOf(row);
              const isOpen = open.value.has(key);
              return (
                <Fragment key={key}>
                  <tr role="row" data-testid={rowTestid} data-key={key}>
                    {detail && (
                      <td role="cell" class="opener">
                        <button type="button" class="small" aria-expanded={isOpen} aria-label={`details of ${key}`} onClick={() => toggle(key)} data-testid="open-row">
                          <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span>
                        </button>
                      </td>
                    )}
                    {columns.map((column) => (
                      <td role="cell" key={column.name} class={classOf(column)} data-label={column.title} data-column={column.name}>
                        <div class="value">{column.cell(row)}</div>
                      </td>
                    ))}
                  </tr>
                  {detail && isOpen && (
                    <tr role="row" class="detail" data-testid="row-detail">
                      <td role="cell" colSpan={columns.length + 1}><div class="detail-body">{detail(row)}</div></td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      {visible.length < ordered.length && (
        <p class="more">
          <span class="dim">{visible.length.toLocaleString("en")} of {ordered.length.toLocaleString("en")} are shown</span>
          <button type="button" onClick={() => (shown.value += ROWS_AT_ONCE)} data-testid="show-more">Show {ROWS_AT_ONCE} more</button>
        </p>
      )}
    </>
  );
}

function classOf<Row>({ kind, isMinor }: Column<Row>): string {
  return [kind, isMinor && "minor"].filter(Boolean).join(" ");
}

interface Order { by: string; isDown: boolean }

function Header<Row>({ column, order, sortBy }: { column: Column<Row>; order: Order | null; sortBy: (order: Order) => void }) {
  if (!column.order) {
    return <th role="columnheader" class={classOf(column)}>{column.kind === "actions" ? <span class="unseen">{column.title}</span> : column.title}</th>;
  }
  const isMine = order?.by === column.name;
  const press = () => sortBy({ by: column.name, isDown: isMine ? !order.isDown : column.kind === "number" });
  return (
    <th role="columnheader" class={classOf(column)} aria-sort={isMine ? (order.isDown ? "descending" : "ascending") : "none"}>
      <button type="button" class="sort" onClick={press} data-testid={`sort-${column.name}`}>
        {column.title}<span aria-hidden="true" class="arrow">{isMine ? (order.isDown ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function sort<Row>(rows: Row[], columns: Column<Row>[], order: Order | null): Row[] {
  const valueOf = columns.find((column) => column.name === order?.by)?.order;
  if (!order || !valueOf) return rows;
  const sign = order.isDown ? -1 : 1;
  return [...rows].sort((left, right) => {
    const [a, b] = [valueOf(left), valueOf(right)];
    if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
    return a < b ? -sign : a > b ? sign : 0;
  });
}

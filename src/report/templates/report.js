// Sorts a table by the column whose head is clicked. Without this script every table reads the same.
'use strict';
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
  };
  const order = (a, b) => {
    if (typeof a === typeof b) return typeof a === 'number' ? a - b : a.localeCompare(b, 'en', { numeric: true });
    return 0;
  };
  const sort = (column, head) => {
    const falls = head.getAttribute('aria-sort') === 'ascending';
    const numeric = body.querySelector(`td:nth-child(${column + 1})[data-v]`) !== null;
    const known = (row) => !numeric || typeof key(row, column) === 'number';
    const rows = [...body.rows];
    // Rows without a figure stay last in either direction.
    rows.sort((a, b) => known(b) - known(a) || order(key(a, column), key(b, column)) * (falls ? -1 : 1));
    body.append(...rows);
    for (const other of heads) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', falls ? 'descending' : 'ascending');
  };
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    button.addEventListener('click', () => sort(column, head));
    head.append(button);
  });
}

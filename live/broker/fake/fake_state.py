"""Fake state: the fake broker's account on disk, in one SQLite file; a request is there whole or not at all."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["FakeState", "Held"]

FILE = "fake_broker.sqlite"
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS positions (ticker TEXT PRIMARY KEY, shares TEXT NOT NULL, cost TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, client TEXT UNIQUE NOT "
    "NULL, status TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS activities (id TEXT PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_status ON orders (status)",
)
ORDERS = {
    "open": "SELECT body FROM orders WHERE status = 'accepted' ORDER BY number",
    "closed": "SELECT body FROM orders WHERE status != 'accepted' ORDER BY number",
    "all": "SELECT body FROM orders ORDER BY number",
}


class Held(NamedTuple):
    """A position: signed shares, and what they cost."""

    shares: Decimal
    cost: Decimal


class FakeState:
    """The account of a fake broker, in a folder.

    Parameters
    ----------
    folder : Path
        Where its file is, or is made.
    cash : Decimal
        With which an account begins that is not there yet.
    now : str
        The moment of its clock then, ISO with a zone.
    """

    def __init__(self, folder: Path, *, cash: Decimal, now: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False, timeout=60.0)
        with self.transaction():
            for statement in SCHEMA:
                self._connection.execute(statement)
            if self._one("SELECT value FROM facts WHERE name = 'now'") is None:
                self.keep("now", now)
                self.keep("cash", str(cash))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside it, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def fact(self, name: str) -> str:
        """A fact that was kept."""
        row = self._one("SELECT value FROM facts WHERE name = ?", name)
        return str(row[0]) if row else ""

    def keep(self, name: str, value: str) -> None:
        """Keep a fact in the place of the former one."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    @property
    def cash(self) -> Decimal:
        """Cash, to the last digit."""
        return Decimal(self.fact("cash"))

    def pay(self, amount: Decimal) -> None:
        """Add to the cash, or take from it."""
        self.keep("cash", str(self.cash + amount))

    def positions(self) -> dict[str, Held]:
        """What is held, by name."""
        rows = self._connection.execute("SELECT ticker, shares, cost FROM positions ORDER BY ticker")
        return {ticker: Held(Decimal(shares), Decimal(cost)) for ticker, shares, cost in rows}

    def held(self, ticker: str) -> Held:
        """What is held of a name."""
        row = self._one("SELECT shares, cost FROM positions WHERE ticker = ?", ticker) or ("0", "0")
        return Held(*map(Decimal, row))

    def hold(self, ticker: str, held: Held) -> None:
        """Hold this of a name from now on."""
        if held.shares:
            row = (ticker, str(held.shares), str(held.cost))
            self._connection.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", row)
        else:
            self._connection.execute("DELETE FROM positions WHERE ticker = ?", (ticker,))

    def add_order(self, order: dict[str, Any]) -> None:
        """Add an order."""
        row = (order["id"], order["client_order_id"], order["status"], json.dumps(order))
        self._connection.execute("INSERT INTO orders (id, client, status, body) VALUES (?, ?, ?, ?)", row)

    def change_order(self, order: dict[str, Any]) -> None:
        """Keep an order as it is now."""
        row = (order["status"], json.dumps(order), order["id"])
        self._connection.execute("UPDATE orders SET status = ?, body = ? WHERE id = ?", row)

    def order(self, *, id_: str | None = None, client: str | None = None) -> dict[str, Any] | None:
        """An order by one of its ids."""
        by_id, by_client = "SELECT body FROM orders WHERE id = ?", "SELECT body FROM orders WHERE client = ?"
        row = self._one(by_id, id_) if client is None else self._one(by_client, client)
        return None if row is None else dict(json.loads(row[0]))

    def orders(self, status: str = "open") -> list[dict[str, Any]]:
        """Orders that are open, closed, or all, in the order in which they came."""
        return [json.loads(body) for (body,) in self._connection.execute(ORDERS[status])]

    def add_activity(self, activity: dict[str, Any]) -> None:
        """Add an activity; its id begins with the moment and ends in a count."""
        (count,) = self._one("SELECT count(*) FROM activities") or (0,)
        stamp = self.fact("now")[:19].translate(str.maketrans("", "", "-:T")) + "000"
        told = {"id": f"{stamp}::{count:08d}", "account_id": "00000000-0000-4000-8000-000000000000"} | activity
        self._connection.execute("INSERT INTO activities VALUES (?, ?)", (told["id"], json.dumps(told)))

    def activities(self) -> list[dict[str, Any]]:
        """Everything that changed the account, oldest first."""
        return [json.loads(body) for (body,) in self._connection.execute("SELECT body FROM activities ORDER BY id")]

    def _one(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()

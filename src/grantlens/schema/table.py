"""What a table is: named, documented columns, from which the DDL and the documentation both come."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One documented column.

    Parameters
    ----------
    name
        Column name, as it stands in the store and in native files.
    type
        DuckDB type.
    doc
        What the value means, and what NULL means where that is not "the log does not say".
    required
        True where a row without a value is no row of this table.
    storage
        How DuckDB keeps it, where that is not left to DuckDB.
    """

    name: str
    type: str
    doc: str
    required: bool = False
    storage: str = ""


@dataclass(frozen=True)
class Table:
    """One documented table of the store."""

    name: str
    doc: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    def ddl(self) -> str:
        """Return the CREATE TABLE statement."""
        lines = []
        for column in self.columns:
            storage = f" USING COMPRESSION {column.storage}" if column.storage else ""
            lines.append(f"    {column.name} {column.type}{storage}{' NOT NULL' if column.required else ''}")
        return f"CREATE TABLE {self.name} (\n" + ",\n".join(lines) + "\n)"

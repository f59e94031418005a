"""Which operations the register approves for each client."""

from grantlens.relations.relation import Relation


def as_pattern(operation: str) -> str:
    r"""Return SQL for an operation as a pattern for LIKE with the escape \\: only * is a glob, every other character means itself.

    Examples
    --------
    >>> as_pattern("name")
    "replace(replace(replace(replace(name, '\\', '\\\\'), '%', '\\%'), '_', '\\_'), '*', '%')"
    """
    return rf"replace(replace(replace(replace({operation}, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')"


RELATION = Relation(
    "approved_operation",
    "For each client of the register, by each of its ids, the operations that it approves, as patterns for LIKE with the escape \\: only * is a glob, "
    "every other character means itself.",
    f"SELECT client_id, {as_pattern('unnest(approved_operations)')} AS pattern FROM registered_client",
    needs=("registered_client",),
)

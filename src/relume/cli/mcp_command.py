"""`relume mcp`: serves relume's commands as tools for an agent, on stdin and stdout."""

from relume.errors import UsageError


def mcp() -> int:
    """Serve run, diagnose, explain, fix, compare and card to an agent (MCP, over stdio).

    It needs the extra `mcp`: pip install 'relume[mcp]'. The agent starts this command itself.
    """
    try:
        from relume.cli.mcp_tools import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise UsageError(
            "the package mcp is missing; install it: pip install 'relume[mcp]'."
        ) from None
    server.run("stdio")
    return 0

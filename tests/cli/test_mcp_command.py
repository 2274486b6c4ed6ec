"""`relume mcp`, asked over stdio by the protocol's own client."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed: relume mcp is NOT tested")

from mcp import Client, StdioServerParameters, stdio_client

SICK = """
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(64, 8)
print("this goes to stdout, which is the protocol's")
for _ in range(60):
    loss = (model(x) - x[:, :1]).square().mean()
    loss.backward()
"""
TOOLS = {"run", "diagnose", "explain", "fix", "compare", "card"}


def asked(folder: Path, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """The tools that the server names, then the answer to each call."""

    async def talk() -> list[Any]:
        command = StdioServerParameters(
            command=sys.executable,
            args=["-m", "relume", "mcp"],
            cwd=str(folder),
            env=dict(os.environ),
        )
        async with Client(stdio_client(command)) as client:
            listed = await client.list_tools()
            answers: list[Any] = [{tool.name: tool for tool in listed.tools}]
            for name, arguments in calls:
                answers.append(await client.call_tool(name, arguments))
            return answers

    return anyio.run(talk)


def test_an_agent_runs_a_script_and_asks_why(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SICK, "utf-8")
    tools, ran, again, why, missing, card = asked(
        tmp_path,
        ("run", {"script": "train.py"}),
        ("diagnose", {}),
        ("explain", {"rule": "optimizer-never-steps"}),
        ("explain", {"rule": "no-such-rule"}),
        ("card", {"act": "relu"}),
    )
    assert set(tools) == TOOLS
    assert all(tool.description for tool in tools.values())
    assert ran.structured_content["exit_code"] == 1
    report = ran.structured_content["report"]
    assert "optimizer-never-steps" in {finding["name"] for finding in report["findings"]}
    assert again.structured_content["report"]["findings"] == report["findings"]
    assert "What it does" in why.structured_content["text"]
    assert missing.structured_content["exit_code"] == 2
    assert "no-such-rule" in missing.structured_content["messages"]
    assert "relu" in json.dumps(card.structured_content["report"])


def test_what_goes_wrong_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)", "utf-8")
    _, absent, slow, compared = asked(
        tmp_path,
        ("run", {"script": "absent.py"}),
        ("run", {"script": "slow.py", "timeout_seconds": 3}),
        ("compare", {"script": "absent.py", "acts": ["relu"]}),
    )
    assert absent.structured_content["exit_code"] == 2
    assert "absent.py" in absent.structured_content["messages"]
    assert slow.structured_content["exit_code"] == 124
    assert slow.structured_content["report"] is None
    assert compared.structured_content["exit_code"] == 2

"""The report as one HTML page: nothing is loaded from elsewhere, no script runs, every text is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from loracle_contracts.fuzzing.report.sentences import (
    cause,
    closing,
    creates,
    not_checked,
    replay_line,
    request_title,
    rule,
    stopped,
    where,
)
from loracle_contracts.report.safe_text import printable

__all__ = ["written"]

_STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; --bad: #b3261e; --good: #1a6e34;
        --dim: #59636e }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --soft: #151b23; --bad: #ff8a80; --good: #57d27f; --dim: #9198a1 }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2rem }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere }
article { border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 6px; padding: 1rem;
          margin: 1rem 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .7rem 0 }
dt { color: var(--dim) } dd { margin: 0; overflow-wrap: anywhere }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .7rem;
      overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; margin: .4rem 0 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right }
summary { cursor: pointer; margin: .4rem 0 } .bad { color: var(--bad) } .good { color: var(--good) }
.tag { border: 1px solid var(--line); border-radius: 1em; padding: 0 .6em; font-size: .8rem;
       color: var(--dim) }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_KINDS = ("requests", "refused", "reads", "uploads", "creates")


def written(document: Mapping[str, Any], *, saved_as: str | None, **_: Any) -> str:
    """The whole page."""
    return "\n".join(_page(document, saved_as)) + "\n"


def _page(document: Mapping[str, Any], saved_as: str | None) -> Iterator[str]:
    url = _text(document["url"])
    yield f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">
<meta name="referrer" content="no-referrer">
<title>loracle fuzz: {url}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>loracle fuzz: {url}</h1>"""
    is_right = not document["findings"] and document["end"] != "server"
    yield f'<p class="{"good" if is_right else "bad"}"><strong>{_text(closing(document))}</strong></p>'
    if stopped(document):
        yield f"<p>{_text(stopped(document))}</p>"
    yield from _run(document)
    if document["findings"]:
        yield "<h2>Findings</h2>"
        for number, finding in enumerate(document["findings"], 1):
            yield from _finding(number, finding)
        yield f"<p>To repeat them:</p><pre>{_text(replay_line(document, saved_as))}</pre>"
    yield from _not_checked(document)
    yield "</body>\n</html>"


def _run(document: Mapping[str, Any]) -> Iterator[str]:
    options = document["options"]
    facts = {
        "profile": options["profile"],
        "seed": options["seed"],
        "limits": f"{options['max_requests']} requests, {options['max_creates']} trainings",
        "spent": creates(document),
    }
    yield _facts(facts)
    head = "".join(f'<th class="number">{kind}</th>' for kind in _KINDS)
    yield f"<details><summary>Requests by layer</summary><table><tr><th>layer</th>{head}</tr>"
    for entry in document["layers"]:
        cells = "".join(f'<td class="number">{entry[kind]}</td>' for kind in _KINDS)
        yield f"<tr><td>{_text(entry['layer'])}</td>{cells}</tr>"
    yield "</table></details>"


def _finding(number: int, finding: Mapping[str, Any]) -> Iterator[str]:
    tags = [finding["layer"], *(["vanishes under lenient"] if finding["vanishes_under_lenient"] else [])]
    shown = " ".join(f'<span class="tag">{_text(tag)}</span>' for tag in tags)
    yield f'<article id="{_text(finding["id"])}">\n<h3>{number}. {_text(cause(finding))} {shown}</h3>'
    facts = {"expected": finding["expected"], "got": finding["got"]}
    if finding["rule"] is not None:
        facts["rule"] = rule(finding)
        if finding["source"] and finding["source"]["note"]:
            facts["note"] = finding["source"]["note"]
    yield _facts({**facts, "where": where(finding)})
    for exchange in finding["exchanges"]:
        yield from _exchange(exchange)
    yield "</article>"


def _exchange(exchange: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p>{_text(request_title(exchange))}</p>"
    yield f"<pre>{_text(exchange['curl'])}</pre>"
    request = exchange["request"]
    yield "<details><summary>Request</summary>"
    lines = [f"{request['method']} {exchange['url'] or request['target']}", *_headers(request["headers"])]
    body = request["body"]
    if body["data"]:
        lines += [
            "",
            body["data"] if body["encoding"] == "text" else f"({body['encoding']}) {body['data'][:2000]}",
        ]
    yield f"<pre>{_block(lines)}</pre></details>"
    failure = exchange.get("failure")
    if failure is not None:
        yield f"<p>No answer ({_text(failure['kind'])}: {_text(failure['text'])}).</p>"
        return
    answer = exchange["answer"]
    yield f"<details open><summary>Answer, after {answer['seconds']:.3f} seconds</summary>"
    more = [f"... of {answer['length']} bytes"] if answer["cut"] else []
    lines = [str(answer["status"]), *_headers(answer["headers"]), "", answer["body"], *more]
    yield f"<pre>{_block(lines)}</pre></details>"


def _not_checked(document: Mapping[str, Any]) -> Iterator[str]:
    groups = not_checked(document)
    if not groups:
        return
    yield "<h2>Not checked</h2>\n<table><tr><th>layer</th><th>number</th><th>why</th><th>the first</th></tr>"
    for group in groups:
        cells = (group.layer, str(group.times), group.why, group.first)
        yield "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in cells) + "</tr>"
    yield "</table>"


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts.items())
    return f"<dl>{rows}</dl>"


def _headers(pairs: list[list[str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in pairs]


def _block(lines: list[str]) -> str:
    return "\n".join(_text(part) for line in lines for part in line.split("\n"))


def _text(value: Any) -> str:
    return escape(printable(str(value)))

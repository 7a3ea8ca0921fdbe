"""The plan as `seki cost` prints it."""

from .plan import Plan, Row


def as_text(plan: Plan) -> str:
    """The plan as Markdown that also reads as plain text."""
    wall = f"wall hours, {plan.gpus} GPU{'s' * (plan.gpus > 1)}"
    head = ["table", "", "jobs left (done)", "GPU-hours", "from", "LLM calls", "tokens in + out", "from", "dollars",
            "disk", wall]  # fmt: skip
    body = [_line(row) for row in plan.rows]
    width = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    lines = ["| " + " | ".join(t.ljust(w) for t, w in zip(row, width, strict=True)) + " |" for row in [head, *body]]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in width) + "|")
    others = sorted(plan.dollars.items(), key=lambda item: item[1])
    notes = [f"{kind.replace('_', ' ')}: {speed}" for kind, speed in plan.speeds.items()]
    notes += [f"tokens of {space}: {source}" for space, source in plan.tokens.items()]
    return "\n".join(
        [
            f"Profile {plan.profile} on {plan.card}, {plan.precision}, LLM {plan.llm}",
            "",
            *lines,
            "",
            *(f"- {note}" for note in [*notes, *plan.notes]),
            "",
            "All tables with other LLMs, asked in full prompts: "
            + ", ".join(f"{name} ${amount:,.2f}" for name, amount in others),
        ]
    )


def _line(row: Row) -> list[str]:
    return [
        str(row.table or "all"), row.what if row.table else "",
        f"{row.jobs_left} ({row.jobs_done})" if row.jobs_left + row.jobs_done else "–",
        _hours(row.gpu_hours), row.hours_from, f"{row.llm_calls:,}",
        f"{row.prompt_tokens:,} + {row.completion_tokens:,}" if row.llm_calls else "–",
        row.tokens_from if row.llm_calls else "", "not known" if row.dollars is None else f"{row.dollars:,.2f}",
        f"{row.disk_bytes / 1e9:.1f} GB" if row.disk_bytes >= 1e9 else f"{row.disk_bytes / 1e6:.1f} MB",
        _hours(row.wall_hours),
    ]  # fmt: skip


def _hours(hours: float) -> str:
    return f"{hours:,.{0 if hours >= 10 else 1}f}" if hours else "–"

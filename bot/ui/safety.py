"""Holding, overwriting and taking back, as people are asked for them and told of them. Pure."""

from __future__ import annotations

from bot.refs import Ref
from bot.ui import text as t
from bot.ui.text import Block
from jobs.core.gate import name_to_type
from jobs.core.model import Options, Scope, blockers
from jobs.core.state import RUNNING, State, Status
from jobs.core.verdict import RestorePoint

HOLD, OVERWRITE = "hold_source", "overwrite"
_CHOICES = {
    HOLD: t.option("Hold the source read-only during the run", HOLD, "Writers wait, readers go on"),
    OVERWRITE: t.option("Replace what the target holds", OVERWRITE, "All of it, behind a restore point"),
}
_HINT = (
    "Hold: everybody who writes to a moved table of the source waits, until the run ends or Release is pressed; "
    "readers go on, and sequences still count. Replace: a restore point of the whole target is made first; Cancel "
    "and Roll back bring it back. What is written to the target meanwhile is lost."
)


def field(options: Options) -> Block:
    """Step 3's two choices; neither is made for anybody."""
    on = {HOLD: options.hold_source, OVERWRITE: options.overwrite}
    chosen = [choice for name, choice in _CHOICES.items() if on[name]]
    boxes: Block = {"type": "checkboxes", "action_id": "safety_check", "options": list(_CHOICES.values())}
    if chosen:
        boxes["initial_options"] = chosen
    return t.field("safety", "Source and target", boxes, optional=True, hint=_HINT)


def name_field(state: State) -> list[Block]:
    """Replacing what a production target holds is confirmed by typing its name: ticking boxes is a habit."""
    name = name_to_type(state)
    if not name:
        return []
    element: Block = {"type": "plain_text_input", "action_id": "confirm_target_input", "max_length": 100}
    label = f"Type {t.clip(name, 80)} to replace everything that it holds"
    return [t.field("confirm_target", label, element)]


def said(options: Options) -> list[str]:
    """The choices in a line of options."""
    made = ["the source is held read-only"] if options.hold_source else []
    return [*made, "*what the target holds is replaced*"] if options.overwrite else made


def consequences(options: Options) -> list[Block]:
    """What whoever starts or approves must not overlook."""
    lines = []
    if options.overwrite:
        lines.append(
            ":rotating_light: *Whatever the target holds is replaced.* A restore point of it is made first; what is "
            "written to the target after that is lost."
        )
    if options.hold_source:
        lines.append(":lock: While the run goes on, nobody else can write to the moved tables of the source.")
    return [t.section("\n".join(lines), block_id="safety_consequences")] if lines else []


def ways_out(state: State) -> list[Block]:
    """Step 2, blocked: the choices that would change a blocker, since step 3 cannot be reached."""
    if state.status is not Status.blocked:
        return []
    value, options, made = Ref(m=state.id).pack(), state.options, list[Block]()
    blocking = {f.check for f in blockers(state.results)}
    chosen = options.overwrite or options.scope is Scope.data_only
    if "target_empty" in blocking and not chosen:
        sure = t.confirm(
            "Replace what the target holds?",
            "Everything in the target database goes: tables, rows, all else. A restore point of it is made first; "
            "Cancel and Roll back bring it back. Nothing happens before Migrate is pressed and approved.",
            "Check for replacing",
            danger=True,
        )
        made.append(t.button("Replace its contents", "choose_overwrite", value, style="danger", confirm=sure))
    if options.overwrite:
        made.append(t.button("Do not replace", "refuse_overwrite", value, said="Check again without replacing"))
    if options.hold_source and "hold_source" in blocking:
        made.append(t.button("Do without the hold", "refuse_hold", value, said="Check again without the hold"))
    return made


def held(state: State) -> list[Block]:
    """The card of a run: who waits, and since when the target can be taken back."""
    lines = []
    if state.held and state.status in RUNNING:
        asked = " It is being released." if state.release_asked else ""
        lines.append(f":lock: The source is held: writers wait, readers go on.{asked}")
    if state.restore_point is not None:
        lines.append(point(state.restore_point))
    return [t.context(*lines, block_id="card_safety")] if lines else []


def point(made: RestorePoint) -> str:
    """Where the restore point is, and how to know it again."""
    where, tool = t.code(t.clip(made.path, 300)), f", {t.plain(made.tool)}" if made.tool else ""
    return (
        f":floppy_disk: Restore point {where}: {t.size(made.bytes)}, {t.count(made.objects, 'object')}{tool}, "
        f"SHA-256 `{t.escape(made.sha256[:16])}`"
    )


def release_button(state: State, value: str) -> list[Block]:
    if not state.held or state.release_asked or state.status not in RUNNING:
        return []
    sure = t.confirm(
        "Release the source?",
        "Writers go on at once. The run goes on, too: what is written from now on is not copied by it.",
        "Release the source",
    )
    return [t.button("Release the source", "release", value, confirm=sure)]


def roll_back_row(state: State, value: str) -> list[Block]:
    """The second row of a card that is done, or whose rollback did not come to its end."""
    unfinished = state.status is Status.failed and state.rolled_back_by is not None
    if state.status is not Status.done and not unfinished:
        return []
    sure = t.confirm("Roll this migration back?", _goes(state), "Roll back", danger=True)
    made = [t.button("Roll back", "roll_back", value, style="danger", confirm=sure, said="Roll this migration back")]
    if unfinished:
        made.append(_give_up(value))
    return [t.actions("card_more", made)]


def _goes(state: State) -> str:
    tables = t.count(state.receipt.tables, "table") if state.receipt else "every table"
    if state.plan is not None and state.plan.options.scope is Scope.data_only:
        return (
            f"The rows of {tables} that were filled are deleted, and all rows written to them since. Sequences get "
            "their earlier values. The source is not touched."
        )
    begin = (
        f"All that the migration made in the target is dropped ({tables} and what belongs to them), with all rows "
    )
    if state.restore_point is not None:
        return f"{begin}written since. What the target held before is restored from its restore point."
    return f"{begin}written since. Objects of others stay; where one needs ours, nothing is done."


def _give_up(value: str) -> Block:
    sure = t.confirm(
        "Give the rollback up?",
        "The target stays as it is now, which may be neither the migration nor what was there before.",
        "Give up",
        danger=True,
    )
    return t.button("Give up", "give_up", value, confirm=sure, said="End without finishing the rollback")

"""All commands, named by hand: nothing registers itself, and nothing is imported before it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from remediator.cli.lazy_group import Command, Group

COMMANDS = Group(
    "Does what the runbook says when Alertmanager posts.",
    {
        "serve": Command(
            "remediator.cli.server:serve_server",
            "Run the receiver until it is told to stop (SIGTERM drains it).",
        ),
        "demo": Command(
            "remediator.cli.demo:run_the_demo",
            "Break a PMS, watch it remediated, read the audit log of it.",
        ),
        "drill": Command(
            "remediator.cli.drill:run_a_drill",
            "Run a game-day scenario against the demo's own world, and measure it.",
        ),
        "explain": Command(
            "remediator.cli.explain:explain_payload",
            "Say what each policy would do with each alert, without doing anything.",
        ),
        "report": Command(
            "remediator.cli.report:report_on_a_run",
            "Report on an incident in Markdown: timeline, facts, metrics, actions, outcome, what "
            "is left to do.",
        ),
        "backtest": Command(
            "remediator.cli.backtest:backtest_policies",
            "Replay recorded alerts through policies in virtual time. Asks nothing that acts, "
            "changes nothing.",
        ),
        "backup": Command(
            "remediator.cli.backups:make_backup",
            "Copy the database, beside a running server or without one, and check that the copy is whole.",
        ),
        "restore": Command(
            "remediator.cli.backups:put_back",
            "Put a backup in the database's place, held until people have "
            "looked. The server must be stopped.",
        ),
        "prune": Command(
            "remediator.cli.pruning:prune_database",
            "Remove what is over for longer than `retention` says; the audit log is archived first.",
        ),
        "policies": Group(
            "Policy files.",
            {
                "check": Command(
                    "remediator.cli.policies:check_files",
                    "Check policies against the schema and the configuration's inventory.",
                ),
                "test": Command(
                    "remediator.cli.policy_tests:run_policy_tests",
                    "Run policies against scripted alerts and answers, in virtual time. Nothing real is "
                    "asked or done.",
                ),
                "new": Command(
                    "remediator.cli.scaffolding:new_policy",
                    "Begin a policy, in shadow mode, with a first test that passes. Nothing is overwritten.",
                ),
                "import-alerts": Command(
                    "remediator.cli.alert_rules:import_alerts",
                    "List a rule file's alerts that no policy matches, and begin policies for them if "
                    "told to.",
                ),
                "fmt": Command(
                    "remediator.cli.formatting:format_files",
                    "Lay policy files out alike: indentation, spacing, order of keys. Comments and "
                    "meaning stay.",
                ),
                "list": Command(
                    "remediator.cli.policies:list_policies", "List the policies that would serve."
                ),
                "schema": Command(
                    "remediator.cli.policies:print_schema",
                    "Print the JSON Schema of a policy, for editors, with the configuration's extensions.",
                ),
                "shadow-report": Command(
                    "remediator.cli.shadow_report:report_on_shadow",
                    "Compare what a policy would have done in shadow with what happened, and say if it is "
                    "ready.",
                ),
                "close-breaker": Command(
                    "remediator.cli.policies:close_breaker",
                    "Close a policy's failure breaker on the server: its earlier failures are forgiven.",
                ),
            },
        ),
        "runs": Group(
            "What was and is being done.",
            {
                "list": Command("remediator.cli.runs:list_runs", "List runs, newest first."),
                "show": Command(
                    "remediator.cli.runs:show_run", "Show one run: its plan, its steps and its approval."
                ),
                "approve": Command(
                    "remediator.cli.runs:approve_run",
                    "Show what a waiting run would do, ask, and approve exactly that.",
                ),
                "deny": Command(
                    "remediator.cli.runs:deny_run", "Show what a waiting run would do, ask, and deny it."
                ),
                "cancel": Command(
                    "remediator.cli.runs:cancel_run",
                    "Start no further step; what was done is undone if the option can be.",
                ),
                "resume": Command(
                    "remediator.cli.runs:resume_run",
                    "Go on with a run that needs a human, or ask again for an approval that expired.",
                ),
                "revert": Command(
                    "remediator.cli.runs:revert_run", "Undo now what a run changed for a time."
                ),
            },
        ),
        "holds": Group(
            "Pauses of automation.",
            {
                "list": Command("remediator.cli.holds:list_holds", "List the holds that stand."),
                "add": Command(
                    "remediator.cli.holds:add_hold",
                    "Pause automation: `holds add all --reason …`, `holds add policy NAME …`, `holds add "
                    "target T …`.",
                ),
                "remove": Command("remediator.cli.holds:remove_hold", "Let automation go on."),
            },
        ),
        "episodes": Group(
            "Alerts, from firing to resolved.",
            {
                "list": Command(
                    "remediator.cli.episodes:list_episodes",
                    "List alerts from firing to resolved, newest first.",
                ),
                "ack": Command(
                    "remediator.cli.episodes:acknowledge_episode",
                    "Say that somebody looks at it: escalation stops, nothing else does.",
                ),
            },
        ),
        "leases": Group(
            "Temporary changes that stand.",
            {
                "list": Command(
                    "remediator.cli.episodes:list_leases",
                    "List temporary changes that stand, with what they go back to.",
                ),
            },
        ),
        "audit": Group(
            "The audit log.",
            {
                "list": Command(
                    "remediator.cli.audit:list_audit",
                    "List what the running server wrote down, newest first.",
                ),
                "verify": Command(
                    "remediator.cli.audit:verify_audit",
                    "Verify the log's chain, and name the first row that was altered, removed or cut off.",
                ),
                "export": Command(
                    "remediator.cli.audit:export_audit", "Write the log out, oldest row first."
                ),
            },
        ),
        "token": Group(
            "API tokens.",
            {
                "new": Command(
                    "remediator.cli.tokens:new_token",
                    "Make a token, print it this once, and the entry for `tokens:` in remediator.yaml.",
                ),
            },
        ),
    },
)
"""What can be typed after `remediator`."""


def command_names() -> list[str]:
    """Return every command as it is typed, for the docs' test."""
    return [" ".join(words) for words, _ in commands()]


def commands(group: Group = COMMANDS) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Yield the words of each command, and the command."""
    for name, member in group.members.items():
        if isinstance(member, Command):
            yield (name,), member
        else:
            yield from (((name, *words), command) for words, command in commands(member))

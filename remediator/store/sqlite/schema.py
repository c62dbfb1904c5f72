"""The schema, as SQL: tables from the records, then indexes, views and the triggers of the audit log."""

from __future__ import annotations

from remediator.runs.states import TERMINAL
from remediator.store.sqlite.rows import TABLES, Column, Table

_TERMINAL = ", ".join(f"'{state}'" for state in sorted(TERMINAL))
# A partial index serves only the queries that say the very same, so both take it from here.
NOT_TERMINAL = f"state NOT IN ({_TERMINAL})"
STANDING = "state IN ('open', 'overdue')"
"""A lease that still stands."""

_REFERENCES = {
    "delivery_id": "deliveries(id)",
    "episode_id": "episodes(id)",
    "admission_id": "admissions(id)",
    "decision_id": "decisions(id)",
    "run_id": "runs(id)",
    "parent_run_id": "runs(id)",
    "approval_id": "approvals(id)",
}
_KEYS = {"claims": "resource", "policy_versions": "hash", "timers": "kind, subject_id"}

_AUDIT = """
CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  source TEXT,
  alertname TEXT,
  policy TEXT,
  target TEXT,
  episode_id INTEGER,
  run_id INTEGER,
  detail TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
)
"""
_OTHER_TABLES = (
    _AUDIT,
    """CREATE TABLE audit_checkpoints (
         sequence INTEGER PRIMARY KEY, hash TEXT NOT NULL, archived_to TEXT NOT NULL, at TEXT NOT NULL)""",
    """CREATE TABLE run_episodes (
         run_id INTEGER NOT NULL REFERENCES runs(id), episode_id INTEGER NOT NULL REFERENCES episodes(id),
         joined_at TEXT NOT NULL, PRIMARY KEY (run_id, episode_id)) WITHOUT ROWID""",
    """CREATE TABLE shadow_starts (
         id INTEGER PRIMARY KEY, at TEXT NOT NULL, policy TEXT NOT NULL, target TEXT NOT NULL,
         episode_id INTEGER REFERENCES episodes(id))""",
    """CREATE TABLE breaker_closings (
         id INTEGER PRIMARY KEY, at TEXT NOT NULL, policy TEXT NOT NULL, actor TEXT NOT NULL)""",
)
INDEXES = (
    "CREATE UNIQUE INDEX one_open_episode ON episodes(source, fingerprint) WHERE closed_at IS NULL",
    "CREATE INDEX episodes_open ON episodes(id) WHERE closed_at IS NULL",
    "CREATE INDEX episodes_opened ON episodes(opened_at)",
    "CREATE INDEX episodes_alertname ON episodes(alertname)",
    "CREATE INDEX episodes_closed ON episodes(source, fingerprint, closed_at)",
    "CREATE UNIQUE INDEX one_admission ON admissions(episode_id, policy)",
    "CREATE INDEX admissions_of_target ON admissions(policy, target, created_at)",
    "CREATE INDEX admissions_waiting ON admissions(reason, target) WHERE done = 0",
    "CREATE INDEX admissions_lines ON admissions(reason, policy, priority, severity) WHERE done = 0",
    "CREATE INDEX admissions_one_line ON admissions(reason, priority, severity) WHERE done = 0",
    "CREATE INDEX receipts_identity ON receipts(source, fingerprint, id)",
    # SQLite looks for rows that point at one that leaves; without these it would read whole tables.
    "CREATE INDEX receipts_delivery ON receipts(delivery_id)",
    "CREATE INDEX receipts_episode ON receipts(episode_id)",
    "CREATE INDEX quarantine_delivery ON quarantine(delivery_id) WHERE delivery_id IS NOT NULL",
    "CREATE INDEX admissions_run ON admissions(run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX runs_episode ON runs(episode_id) WHERE episode_id IS NOT NULL",
    "CREATE INDEX runs_admission ON runs(admission_id) WHERE admission_id IS NOT NULL",
    "CREATE INDEX notices_episode ON notices(episode_id) WHERE episode_id IS NOT NULL",
    "CREATE INDEX shadow_starts_episode ON shadow_starts(episode_id) WHERE episode_id IS NOT NULL",
    "CREATE INDEX decisions_episode ON decisions(episode_id)",
    "CREATE INDEX decisions_policy ON decisions(policy, id)",
    "CREATE INDEX decisions_run ON decisions(run_id) WHERE run_id IS NOT NULL",
    "CREATE UNIQUE INDEX one_observation ON shadow_observations(decision_id)",
    "CREATE INDEX shadow_observations_episode ON shadow_observations(episode_id)",
    "CREATE INDEX runs_started ON runs(started_at) WHERE kind = 'remediation'",
    "CREATE INDEX runs_finished ON runs(finished_at) WHERE kind = 'remediation'",
    "CREATE INDEX runs_started_by_policy ON runs(policy, started_at) WHERE kind = 'remediation'",
    "CREATE INDEX runs_started_on_target ON runs(policy, target, started_at) WHERE kind = 'remediation'",
    "CREATE INDEX runs_finished_by_policy ON runs(policy, finished_at) WHERE kind = 'remediation'",
    f"CREATE INDEX runs_live ON runs(policy, target) WHERE {NOT_TERMINAL}",
    "CREATE INDEX runs_policy ON runs(policy)",
    "CREATE INDEX runs_created ON runs(policy, created_at) WHERE kind = 'remediation'",
    "CREATE INDEX runs_target ON runs(target)",
    "CREATE INDEX runs_ended ON runs(policy, target, finished_at)",
    "CREATE INDEX runs_state ON runs(state)",
    "CREATE INDEX runs_parent ON runs(parent_run_id) WHERE parent_run_id IS NOT NULL",
    "CREATE INDEX runs_leased ON runs(policy, target, lease) WHERE lease IS NOT NULL",
    "CREATE INDEX run_episodes_episode ON run_episodes(episode_id)",
    "CREATE INDEX steps_run ON steps(run_id, id)",
    "CREATE INDEX steps_action ON steps(action, state, phase)",
    "CREATE INDEX claims_run ON claims(run_id)",
    f"CREATE UNIQUE INDEX one_open_lease ON leases(resource, attribute) WHERE {STANDING}",
    f"CREATE INDEX leases_standing ON leases(id) WHERE {STANDING}",
    "CREATE INDEX leases_run ON leases(run_id)",
    "CREATE INDEX approvals_run ON approvals(run_id, id)",
    "CREATE UNIQUE INDEX one_vote_each ON votes(approval_id, actor)",
    "CREATE INDEX holds_active ON holds(removed_at, expires_at)",
    "CREATE INDEX storms_open ON storms(id) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX one_schedule ON schedules(policy)",
    "CREATE UNIQUE INDEX one_escalation ON escalations(admission_id)",
    "CREATE INDEX escalations_episode ON escalations(episode_id)",
    "CREATE UNIQUE INDEX one_notice ON notices(key) WHERE key IS NOT NULL",
    "CREATE INDEX notices_of_channel ON notices(channel, state)",
    "CREATE INDEX notices_of_run ON notices(run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX notices_state ON notices(state)",
    "CREATE UNIQUE INDEX one_channel ON channels(name)",
    "CREATE INDEX timers_due ON timers(due_at, priority)",
    "CREATE INDEX shadow_starts_at ON shadow_starts(at)",
    "CREATE INDEX shadow_starts_on_target ON shadow_starts(policy, target, at)",
    "CREATE INDEX shadow_starts_by_policy ON shadow_starts(policy, at)",
    "CREATE INDEX breaker_closings_policy ON breaker_closings(policy, at)",
    "CREATE INDEX audit_run ON audit(run_id, sequence) WHERE run_id IS NOT NULL",
    "CREATE INDEX audit_episode ON audit(episode_id, sequence) WHERE episode_id IS NOT NULL",
    "CREATE INDEX audit_policy ON audit(policy, sequence) WHERE policy IS NOT NULL",
    "CREATE INDEX audit_target ON audit(target, sequence) WHERE target IS NOT NULL",
    "CREATE INDEX audit_alertname ON audit(alertname, sequence) WHERE alertname IS NOT NULL",
    "CREATE INDEX audit_actor ON audit(actor, sequence)",
    "CREATE INDEX audit_action ON audit(action, sequence)",
)
TRIGGERS = {
    # INSERT OR REPLACE removes a row without asking the trigger for DELETE: it is refused here.
    "audit_next_row": """CREATE TRIGGER audit_next_row BEFORE INSERT ON audit
         WHEN NEW.sequence IS NOT 1 + max(
           COALESCE((SELECT max(sequence) FROM audit), 0),
           COALESCE((SELECT max(sequence) FROM audit_checkpoints), 0)) BEGIN
         SELECT RAISE(ABORT, 'the audit log is append-only: a row goes after the last one'); END""",
    "audit_no_update": """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
         SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "audit_no_delete": """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
         WHEN OLD.sequence > (SELECT COALESCE(MAX(sequence), 0) FROM audit_checkpoints) BEGIN
         SELECT RAISE(ABORT, 'the audit log is append-only; prune archives up to a checkpoint'); END""",
    "audit_checkpoint_of_row": """CREATE TRIGGER audit_checkpoint_of_row BEFORE INSERT ON audit_checkpoints
         WHEN NOT EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence AND hash = NEW.hash) BEGIN
         SELECT RAISE(ABORT, 'a checkpoint names a row of the audit log and its hash'); END""",
    "audit_checkpoint_no_update": """CREATE TRIGGER audit_checkpoint_no_update
         BEFORE UPDATE ON audit_checkpoints BEGIN
         SELECT RAISE(ABORT, 'checkpoints of the audit log are kept'); END""",
    "audit_checkpoint_no_delete": """CREATE TRIGGER audit_checkpoint_no_delete
         BEFORE DELETE ON audit_checkpoints BEGIN
         SELECT RAISE(ABORT, 'checkpoints of the audit log are kept'); END""",
}
"""What keeps the audit log append-only. One missing is a fault of the log."""
VIEWS = {
    "open_episodes": """
        SELECT id, source, alertname, opened_at, last_seen_at, suppressed, acknowledged_by, labels
        FROM episodes WHERE closed_at IS NULL""",
    "run_history": """
        SELECT runs.id, runs.kind, runs.policy, runs.target, runs.state, runs.reason, runs.detail,
               runs.option, runs.lease, episodes.alertname, runs.created_at, runs.started_at,
               runs.finished_at, runs.actor
        FROM runs LEFT JOIN episodes ON episodes.id = runs.episode_id""",
    "waiting_for_approval": """
        SELECT runs.id AS run_id, runs.policy, runs.target, approvals.option, approvals.asked,
               approvals.count, approvals.requested_at, approvals.expires_at, approvals.plan_hash
        FROM approvals JOIN runs ON runs.id = approvals.run_id WHERE approvals.state = 'pending'""",
    "why_blocked": """
        SELECT admissions.policy, admissions.target, admissions.reason, decisions.detail,
               episodes.alertname, episodes.opened_at, timers.due_at AS next_look_at
        FROM admissions JOIN episodes ON episodes.id = admissions.episode_id
        LEFT JOIN decisions ON decisions.id = (
          SELECT max(id) FROM decisions AS latest
          WHERE latest.episode_id = admissions.episode_id AND latest.policy = admissions.policy)
        LEFT JOIN timers ON timers.kind = 'decide' AND timers.subject_id = admissions.id
        WHERE admissions.outcome = 'blocked' AND admissions.done = 0""",
}
"""What people look at, for whoever opens the database with Datasette or sqlite-utils."""


def tables() -> list[str]:
    """Return the statements that make the tables."""
    return [*(_create(table) for table in TABLES.values()), *_OTHER_TABLES]


def _create(table: Table[object]) -> str:
    columns = [_definition(column) for column in table.columns]
    key = _KEYS.get(table.name)
    if key is not None:
        columns.append(f"PRIMARY KEY ({key})")
    return f"CREATE TABLE {table.name} (\n  " + ",\n  ".join(columns) + "\n)"


def _definition(column: Column) -> str:
    if column.name == "id":
        return "id INTEGER PRIMARY KEY"
    parts = [column.name, column.sql_type]
    if not column.nullable:
        parts.append("NOT NULL")
    if column.choices:
        choices = ", ".join(f"'{choice}'" for choice in column.choices)
        parts.append(f"CHECK ({column.name} IN ({choices}))")
    reference = _REFERENCES.get(column.name)
    if reference is not None:
        parts.append(f"REFERENCES {reference}")
    return " ".join(parts)

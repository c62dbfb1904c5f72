CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  received_at TEXT NOT NULL,
  origin TEXT NOT NULL,
  receiver TEXT NOT NULL,
  group_key TEXT NOT NULL,
  truncated_alerts INTEGER NOT NULL,
  alerts INTEGER NOT NULL,
  quarantined INTEGER NOT NULL
)
;
CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  received_at TEXT NOT NULL,
  delivery_id INTEGER REFERENCES deliveries(id),
  alert_index INTEGER,
  reason TEXT NOT NULL,
  raw TEXT NOT NULL
)
;
CREATE TABLE receipts (
  id INTEGER PRIMARY KEY,
  delivery_id INTEGER NOT NULL REFERENCES deliveries(id),
  episode_id INTEGER REFERENCES episodes(id),
  source TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  status TEXT NOT NULL,
  alertname TEXT NOT NULL,
  labels TEXT NOT NULL,
  annotations TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  ends_at TEXT,
  generator_url TEXT NOT NULL,
  received_at TEXT NOT NULL,
  handling TEXT NOT NULL CHECK (handling IN ('opened', 'repeated', 'closed', 'late', 'not_open'))
)
;
CREATE TABLE episodes (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  alertname TEXT NOT NULL,
  labels TEXT NOT NULL,
  annotations TEXT NOT NULL,
  generator_url TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  opened_at TEXT NOT NULL,
  last_seen_at TEXT NOT NULL,
  closed_at TEXT,
  ended_at TEXT,
  close_reason TEXT CHECK (close_reason IN ('resolved', 'vanished', 'presumed_resolved', 'schedule_over')),
  missed_polls INTEGER NOT NULL,
  suppressed INTEGER NOT NULL,
  acknowledged_until TEXT,
  acknowledged_by TEXT
)
;
CREATE TABLE admissions (
  id INTEGER PRIMARY KEY,
  episode_id INTEGER NOT NULL REFERENCES episodes(id),
  policy TEXT NOT NULL,
  policy_hash TEXT NOT NULL,
  priority INTEGER NOT NULL,
  target TEXT NOT NULL,
  created_at TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('no_match', 'planned', 'run', 'awaiting_approval', 'shadow', 'joined', 'blocked', 'nothing_to_do')),
  reason TEXT CHECK (reason IN ('cooldown', 'rate_limit', 'concurrency', 'precondition', 'hold_pending', 'alert_not_active', 'other_alert_firing', 'outside_time_window', 'failure_breaker_open', 'max_targets', 'healthy_floor', 'loop', 'target_busy', 'lease_held', 'held', 'silenced', 'global_limit', 'storm', 'episode_done', 'guard_error', 'policy_off', 'policy_removed', 'template_error', 'not_configured', 'settling', 'refused', 'resolved', 'resolved_during_run', 'cancelled', 'plan_changed', 'no_option_applies', 'step_failed', 'step_ambiguous', 'verification_failed', 'verified', 'unverified', 'denied', 'expired', 'stopped_by_hold', 'changed_since', 'reverted', 'not_ready')),
  run_id INTEGER REFERENCES runs(id),
  runs INTEGER NOT NULL,
  held_since TEXT NOT NULL,
  looked_at TEXT,
  done INTEGER NOT NULL,
  severity INTEGER NOT NULL
)
;
CREATE TABLE decisions (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  phase TEXT NOT NULL,
  episode_id INTEGER REFERENCES episodes(id),
  policy TEXT,
  policy_hash TEXT,
  target TEXT,
  outcome TEXT NOT NULL CHECK (outcome IN ('no_match', 'planned', 'run', 'awaiting_approval', 'shadow', 'joined', 'blocked', 'nothing_to_do')),
  reason TEXT CHECK (reason IN ('cooldown', 'rate_limit', 'concurrency', 'precondition', 'hold_pending', 'alert_not_active', 'other_alert_firing', 'outside_time_window', 'failure_breaker_open', 'max_targets', 'healthy_floor', 'loop', 'target_busy', 'lease_held', 'held', 'silenced', 'global_limit', 'storm', 'episode_done', 'guard_error', 'policy_off', 'policy_removed', 'template_error', 'not_configured', 'settling', 'refused', 'resolved', 'resolved_during_run', 'cancelled', 'plan_changed', 'no_option_applies', 'step_failed', 'step_ambiguous', 'verification_failed', 'verified', 'unverified', 'denied', 'expired', 'stopped_by_hold', 'changed_since', 'reverted', 'not_ready')),
  detail TEXT NOT NULL,
  verdicts TEXT,
  facts TEXT,
  option TEXT,
  plan_hash TEXT,
  run_id INTEGER REFERENCES runs(id),
  next_look_at TEXT
)
;
CREATE TABLE shadow_observations (
  id INTEGER PRIMARY KEY,
  decision_id INTEGER NOT NULL REFERENCES decisions(id),
  episode_id INTEGER NOT NULL REFERENCES episodes(id),
  policy TEXT NOT NULL,
  policy_hash TEXT NOT NULL,
  target TEXT NOT NULL,
  option TEXT NOT NULL,
  plan TEXT NOT NULL,
  asks TEXT,
  decided_at TEXT NOT NULL,
  steps_end_at TEXT NOT NULL,
  look_until TEXT NOT NULL,
  looks INTEGER NOT NULL,
  unanswered INTEGER NOT NULL,
  missed INTEGER NOT NULL,
  looked_at TEXT,
  held_at_decision INTEGER,
  first_held_at TEXT,
  held_since TEXT,
  last_look TEXT,
  guards_later TEXT,
  would_verify TEXT CHECK (would_verify IN ('yes', 'no', 'unknown')),
  reason TEXT CHECK (reason IN ('held', 'not_held', 'unanswered', 'missed', 'no_verification', 'too_many', 'policy_removed')),
  finished_at TEXT,
  resolved_at TEXT,
  close_reason TEXT CHECK (close_reason IN ('resolved', 'vanished', 'presumed_resolved', 'schedule_over'))
)
;
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('remediation', 'revert')),
  state TEXT NOT NULL CHECK (state IN ('planned', 'held', 'awaiting_approval', 'running', 'verifying', 'succeeded', 'denied', 'expired', 'cancelled', 'failed', 'ineffective', 'needs_human', 'reverting', 'reverted', 'revert_failed')),
  reason TEXT CHECK (reason IN ('cooldown', 'rate_limit', 'concurrency', 'precondition', 'hold_pending', 'alert_not_active', 'other_alert_firing', 'outside_time_window', 'failure_breaker_open', 'max_targets', 'healthy_floor', 'loop', 'target_busy', 'lease_held', 'held', 'silenced', 'global_limit', 'storm', 'episode_done', 'guard_error', 'policy_off', 'policy_removed', 'template_error', 'not_configured', 'settling', 'refused', 'resolved', 'resolved_during_run', 'cancelled', 'plan_changed', 'no_option_applies', 'step_failed', 'step_ambiguous', 'verification_failed', 'verified', 'unverified', 'denied', 'expired', 'stopped_by_hold', 'changed_since', 'reverted', 'not_ready')),
  detail TEXT NOT NULL,
  policy TEXT NOT NULL,
  policy_hash TEXT NOT NULL,
  target TEXT NOT NULL,
  resources TEXT NOT NULL,
  priority INTEGER NOT NULL,
  episode_id INTEGER REFERENCES episodes(id),
  admission_id INTEGER REFERENCES admissions(id),
  parent_run_id INTEGER REFERENCES runs(id),
  actor TEXT NOT NULL,
  option TEXT,
  plan TEXT,
  plan_hash TEXT,
  facts TEXT,
  context TEXT,
  document TEXT,
  tried TEXT NOT NULL,
  option_result TEXT CHECK (option_result IN ('cooldown', 'rate_limit', 'concurrency', 'precondition', 'hold_pending', 'alert_not_active', 'other_alert_firing', 'outside_time_window', 'failure_breaker_open', 'max_targets', 'healthy_floor', 'loop', 'target_busy', 'lease_held', 'held', 'silenced', 'global_limit', 'storm', 'episode_done', 'guard_error', 'policy_off', 'policy_removed', 'template_error', 'not_configured', 'settling', 'refused', 'resolved', 'resolved_during_run', 'cancelled', 'plan_changed', 'no_option_applies', 'step_failed', 'step_ambiguous', 'verification_failed', 'verified', 'unverified', 'denied', 'expired', 'stopped_by_hold', 'changed_since', 'reverted', 'not_ready')),
  epoch INTEGER NOT NULL,
  stop TEXT CHECK (stop IN ('cooldown', 'rate_limit', 'concurrency', 'precondition', 'hold_pending', 'alert_not_active', 'other_alert_firing', 'outside_time_window', 'failure_breaker_open', 'max_targets', 'healthy_floor', 'loop', 'target_busy', 'lease_held', 'held', 'silenced', 'global_limit', 'storm', 'episode_done', 'guard_error', 'policy_off', 'policy_removed', 'template_error', 'not_configured', 'settling', 'refused', 'resolved', 'resolved_during_run', 'cancelled', 'plan_changed', 'no_option_applies', 'step_failed', 'step_ambiguous', 'verification_failed', 'verified', 'unverified', 'denied', 'expired', 'stopped_by_hold', 'changed_since', 'reverted', 'not_ready')),
  stop_actor TEXT,
  created_at TEXT NOT NULL,
  started_at TEXT,
  acted_at TEXT,
  verify_until TEXT,
  verified_since TEXT,
  finished_at TEXT,
  relapsed_at TEXT,
  lease TEXT CHECK (lease IN ('open', 'undone', 'overdue', 'kept')),
  revert_trigger TEXT
)
;
CREATE TABLE steps (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs(id),
  option TEXT NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN ('act', 'undo')),
  position INTEGER NOT NULL,
  action TEXT NOT NULL,
  params TEXT,
  state TEXT NOT NULL CHECK (state IN ('intent', 'succeeded', 'failed', 'ambiguous', 'skipped')),
  attempt INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT,
  outcome TEXT,
  captured TEXT,
  applied TEXT
)
;
CREATE TABLE claims (
  resource TEXT NOT NULL,
  run_id INTEGER NOT NULL REFERENCES runs(id),
  claimed_at TEXT NOT NULL,
  PRIMARY KEY (resource)
)
;
CREATE TABLE leases (
  id INTEGER PRIMARY KEY,
  resource TEXT NOT NULL,
  attribute TEXT NOT NULL,
  policy TEXT NOT NULL,
  run_id INTEGER NOT NULL REFERENCES runs(id),
  option TEXT NOT NULL,
  position INTEGER NOT NULL,
  action TEXT NOT NULL,
  params TEXT,
  original TEXT,
  applied TEXT,
  ends_with_run INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'undone', 'overdue', 'kept')),
  opened_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  renewed_at TEXT,
  ready_since TEXT,
  warned_at TEXT,
  closed_at TEXT
)
;
CREATE TABLE approvals (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs(id),
  plan_hash TEXT NOT NULL,
  option TEXT NOT NULL,
  level TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled')),
  asked TEXT NOT NULL,
  count INTEGER NOT NULL,
  self_approval TEXT NOT NULL,
  requested_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  decided_at TEXT
)
;
CREATE TABLE votes (
  id INTEGER PRIMARY KEY,
  approval_id INTEGER NOT NULL REFERENCES approvals(id),
  actor TEXT NOT NULL,
  verdict TEXT NOT NULL,
  comment TEXT NOT NULL,
  at TEXT NOT NULL
)
;
CREATE TABLE holds (
  id INTEGER PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('all', 'policy', 'target')),
  value TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  removed_at TEXT,
  removed_by TEXT
)
;
CREATE TABLE schedules (
  id INTEGER PRIMARY KEY,
  policy TEXT NOT NULL,
  cron TEXT NOT NULL,
  timezone TEXT NOT NULL,
  next_due_at TEXT,
  last_due_at TEXT,
  result TEXT CHECK (result IN ('opened', 'open_still', 'nothing_to_do', 'missed')),
  result_since TEXT
)
;
CREATE TABLE storms (
  id INTEGER PRIMARY KEY,
  began_at TEXT NOT NULL,
  calm_since TEXT,
  ended_at TEXT
)
;
CREATE TABLE escalations (
  id INTEGER PRIMARY KEY,
  admission_id INTEGER NOT NULL REFERENCES admissions(id),
  episode_id INTEGER NOT NULL REFERENCES episodes(id),
  policy TEXT NOT NULL,
  target TEXT NOT NULL,
  rungs TEXT,
  opened_at TEXT NOT NULL,
  told TEXT NOT NULL,
  held_since TEXT NOT NULL,
  looked_at TEXT,
  ended_at TEXT
)
;
CREATE TABLE notices (
  id INTEGER PRIMARY KEY,
  key TEXT,
  channel TEXT NOT NULL,
  contact TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('started', 'awaiting_approval', 'succeeded', 'failed', 'reverted', 'escalated', 'resolved', 'relapsed', 'degraded', 'restored', 'update', 'needs_human', 'expired', 'revert_failed', 'lease_ending', 'message', 'summary')),
  audience TEXT NOT NULL CHECK (audience IN ('internal', 'stakeholders')),
  language TEXT NOT NULL CHECK (language IN ('en', 'es')),
  policy TEXT,
  target TEXT,
  episode_id INTEGER REFERENCES episodes(id),
  run_id INTEGER REFERENCES runs(id),
  content TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'summarised', 'failed')),
  created_at TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  delivered TEXT NOT NULL,
  finished_at TEXT,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  error TEXT NOT NULL
)
;
CREATE TABLE channels (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  failures INTEGER NOT NULL,
  failing_since TEXT,
  retry_at TEXT,
  last_error TEXT NOT NULL,
  last_sent_at TEXT,
  last_tried_at TEXT NOT NULL
)
;
CREATE TABLE timers (
  kind TEXT NOT NULL CHECK (kind IN ('decide', 'drive', 'approval_expiry', 'lease', 'hold_expiry', 'shadow', 'schedule', 'escalation', 'notices', 'news_update', 'report', 'storm')),
  subject_id INTEGER NOT NULL,
  due_at TEXT NOT NULL,
  priority INTEGER NOT NULL,
  severity INTEGER NOT NULL,
  PRIMARY KEY (kind, subject_id)
)
;
CREATE TABLE policy_versions (
  hash TEXT NOT NULL,
  name TEXT NOT NULL,
  file TEXT NOT NULL,
  document TEXT,
  first_seen_at TEXT NOT NULL,
  PRIMARY KEY (hash)
)
;
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
;
CREATE TABLE audit_checkpoints (
         sequence INTEGER PRIMARY KEY, hash TEXT NOT NULL, archived_to TEXT NOT NULL, at TEXT NOT NULL)
;
CREATE TABLE run_episodes (
         run_id INTEGER NOT NULL REFERENCES runs(id), episode_id INTEGER NOT NULL REFERENCES episodes(id),
         joined_at TEXT NOT NULL, PRIMARY KEY (run_id, episode_id)) WITHOUT ROWID
;
CREATE TABLE shadow_starts (
         id INTEGER PRIMARY KEY, at TEXT NOT NULL, policy TEXT NOT NULL, target TEXT NOT NULL,
         episode_id INTEGER REFERENCES episodes(id))
;
CREATE TABLE breaker_closings (
         id INTEGER PRIMARY KEY, at TEXT NOT NULL, policy TEXT NOT NULL, actor TEXT NOT NULL)
;
CREATE UNIQUE INDEX one_open_episode ON episodes(source, fingerprint) WHERE closed_at IS NULL
;
CREATE INDEX episodes_open ON episodes(id) WHERE closed_at IS NULL
;
CREATE INDEX episodes_opened ON episodes(opened_at)
;
CREATE INDEX episodes_alertname ON episodes(alertname)
;
CREATE INDEX episodes_closed ON episodes(source, fingerprint, closed_at)
;
CREATE UNIQUE INDEX one_admission ON admissions(episode_id, policy)
;
CREATE INDEX admissions_of_target ON admissions(policy, target, created_at)
;
CREATE INDEX admissions_waiting ON admissions(reason, target) WHERE done = 0
;
CREATE INDEX admissions_lines ON admissions(reason, policy, priority, severity) WHERE done = 0
;
CREATE INDEX admissions_one_line ON admissions(reason, priority, severity) WHERE done = 0
;
CREATE INDEX receipts_identity ON receipts(source, fingerprint, id)
;
CREATE INDEX receipts_delivery ON receipts(delivery_id)
;
CREATE INDEX receipts_episode ON receipts(episode_id)
;
CREATE INDEX quarantine_delivery ON quarantine(delivery_id) WHERE delivery_id IS NOT NULL
;
CREATE INDEX admissions_run ON admissions(run_id) WHERE run_id IS NOT NULL
;
CREATE INDEX runs_episode ON runs(episode_id) WHERE episode_id IS NOT NULL
;
CREATE INDEX runs_admission ON runs(admission_id) WHERE admission_id IS NOT NULL
;
CREATE INDEX notices_episode ON notices(episode_id) WHERE episode_id IS NOT NULL
;
CREATE INDEX shadow_starts_episode ON shadow_starts(episode_id) WHERE episode_id IS NOT NULL
;
CREATE INDEX decisions_episode ON decisions(episode_id)
;
CREATE INDEX decisions_policy ON decisions(policy, id)
;
CREATE INDEX decisions_run ON decisions(run_id) WHERE run_id IS NOT NULL
;
CREATE UNIQUE INDEX one_observation ON shadow_observations(decision_id)
;
CREATE INDEX shadow_observations_episode ON shadow_observations(episode_id)
;
CREATE INDEX runs_started ON runs(started_at) WHERE kind = 'remediation'
;
CREATE INDEX runs_finished ON runs(finished_at) WHERE kind = 'remediation'
;
CREATE INDEX runs_started_by_policy ON runs(policy, started_at) WHERE kind = 'remediation'
;
CREATE INDEX runs_started_on_target ON runs(policy, target, started_at) WHERE kind = 'remediation'
;
CREATE INDEX runs_finished_by_policy ON runs(policy, finished_at) WHERE kind = 'remediation'
;
CREATE INDEX runs_live ON runs(policy, target) WHERE state NOT IN ('cancelled', 'denied', 'expired', 'failed', 'ineffective', 'needs_human', 'revert_failed', 'reverted', 'succeeded')
;
CREATE INDEX runs_policy ON runs(policy)
;
CREATE INDEX runs_created ON runs(policy, created_at) WHERE kind = 'remediation'
;
CREATE INDEX runs_target ON runs(target)
;
CREATE INDEX runs_ended ON runs(policy, target, finished_at)
;
CREATE INDEX runs_state ON runs(state)
;
CREATE INDEX runs_parent ON runs(parent_run_id) WHERE parent_run_id IS NOT NULL
;
CREATE INDEX runs_leased ON runs(policy, target, lease) WHERE lease IS NOT NULL
;
CREATE INDEX run_episodes_episode ON run_episodes(episode_id)
;
CREATE INDEX steps_run ON steps(run_id, id)
;
CREATE INDEX steps_action ON steps(action, state, phase)
;
CREATE INDEX claims_run ON claims(run_id)
;
CREATE UNIQUE INDEX one_open_lease ON leases(resource, attribute) WHERE state IN ('open', 'overdue')
;
CREATE INDEX leases_standing ON leases(id) WHERE state IN ('open', 'overdue')
;
CREATE INDEX leases_run ON leases(run_id)
;
CREATE INDEX approvals_run ON approvals(run_id, id)
;
CREATE UNIQUE INDEX one_vote_each ON votes(approval_id, actor)
;
CREATE INDEX holds_active ON holds(removed_at, expires_at)
;
CREATE INDEX storms_open ON storms(id) WHERE ended_at IS NULL
;
CREATE UNIQUE INDEX one_schedule ON schedules(policy)
;
CREATE UNIQUE INDEX one_escalation ON escalations(admission_id)
;
CREATE INDEX escalations_episode ON escalations(episode_id)
;
CREATE UNIQUE INDEX one_notice ON notices(key) WHERE key IS NOT NULL
;
CREATE INDEX notices_of_channel ON notices(channel, state)
;
CREATE INDEX notices_of_run ON notices(run_id) WHERE run_id IS NOT NULL
;
CREATE INDEX notices_state ON notices(state)
;
CREATE UNIQUE INDEX one_channel ON channels(name)
;
CREATE INDEX timers_due ON timers(due_at, priority)
;
CREATE INDEX shadow_starts_at ON shadow_starts(at)
;
CREATE INDEX shadow_starts_on_target ON shadow_starts(policy, target, at)
;
CREATE INDEX shadow_starts_by_policy ON shadow_starts(policy, at)
;
CREATE INDEX breaker_closings_policy ON breaker_closings(policy, at)
;
CREATE INDEX audit_run ON audit(run_id, sequence) WHERE run_id IS NOT NULL
;
CREATE INDEX audit_episode ON audit(episode_id, sequence) WHERE episode_id IS NOT NULL
;
CREATE INDEX audit_policy ON audit(policy, sequence) WHERE policy IS NOT NULL
;
CREATE INDEX audit_target ON audit(target, sequence) WHERE target IS NOT NULL
;
CREATE INDEX audit_alertname ON audit(alertname, sequence) WHERE alertname IS NOT NULL
;
CREATE INDEX audit_actor ON audit(actor, sequence)
;
CREATE INDEX audit_action ON audit(action, sequence)
;
CREATE VIEW "open_episodes" AS 
        SELECT id, source, alertname, opened_at, last_seen_at, suppressed, acknowledged_by, labels
        FROM episodes WHERE closed_at IS NULL
;
CREATE VIEW "run_history" AS 
        SELECT runs.id, runs.kind, runs.policy, runs.target, runs.state, runs.reason, runs.detail,
               runs.option, runs.lease, episodes.alertname, runs.created_at, runs.started_at,
               runs.finished_at, runs.actor
        FROM runs LEFT JOIN episodes ON episodes.id = runs.episode_id
;
CREATE VIEW "waiting_for_approval" AS 
        SELECT runs.id AS run_id, runs.policy, runs.target, approvals.option, approvals.asked,
               approvals.count, approvals.requested_at, approvals.expires_at, approvals.plan_hash
        FROM approvals JOIN runs ON runs.id = approvals.run_id WHERE approvals.state = 'pending'
;
CREATE VIEW "why_blocked" AS 
        SELECT admissions.policy, admissions.target, admissions.reason, decisions.detail,
               episodes.alertname, episodes.opened_at, timers.due_at AS next_look_at
        FROM admissions JOIN episodes ON episodes.id = admissions.episode_id
        LEFT JOIN decisions ON decisions.id = (
          SELECT max(id) FROM decisions AS latest
          WHERE latest.episode_id = admissions.episode_id AND latest.policy = admissions.policy)
        LEFT JOIN timers ON timers.kind = 'decide' AND timers.subject_id = admissions.id
        WHERE admissions.outcome = 'blocked' AND admissions.done = 0
;
CREATE TRIGGER audit_next_row BEFORE INSERT ON audit
         WHEN NEW.sequence IS NOT 1 + max(
           COALESCE((SELECT max(sequence) FROM audit), 0),
           COALESCE((SELECT max(sequence) FROM audit_checkpoints), 0)) BEGIN
         SELECT RAISE(ABORT, 'the audit log is append-only: a row goes after the last one'); END
;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
         SELECT RAISE(ABORT, 'the audit log is append-only'); END
;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
         WHEN OLD.sequence > (SELECT COALESCE(MAX(sequence), 0) FROM audit_checkpoints) BEGIN
         SELECT RAISE(ABORT, 'the audit log is append-only; prune archives up to a checkpoint'); END
;
CREATE TRIGGER audit_checkpoint_of_row BEFORE INSERT ON audit_checkpoints
         WHEN NOT EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence AND hash = NEW.hash) BEGIN
         SELECT RAISE(ABORT, 'a checkpoint names a row of the audit log and its hash'); END
;
CREATE TRIGGER audit_checkpoint_no_update
         BEFORE UPDATE ON audit_checkpoints BEGIN
         SELECT RAISE(ABORT, 'checkpoints of the audit log are kept'); END
;
CREATE TRIGGER audit_checkpoint_no_delete
         BEFORE DELETE ON audit_checkpoints BEGIN
         SELECT RAISE(ABORT, 'checkpoints of the audit log are kept'); END

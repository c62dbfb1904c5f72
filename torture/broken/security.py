"""Broken versions of what docs/security.md promises."""

from __future__ import annotations

from torture.broken.version import Broken

SECURITY = (
    Broken(
        name="lets in whoever has no token",
        promise="Without a token nothing is told or done",
        file="remediator/web/auth.py",
        changes=(
            (
                (
                    "            raise ProblemError(\n"
                    '                HTTPStatus.UNAUTHORIZED, "a valid token is needed", '
                    "headers=_challenge(request)\n"
                    "            )\n"
                ),
                "            return await handler(request)\n",
            ),
        ),
        noticed_by="tests/web/test_access.py::test_without_a_token_nothing_is_told",
    ),
    Broken(
        name="does not ask for the role",
        promise="Each role opens its own routes and no other",
        file="remediator/web/auth.py",
        changes=(("if not login.actor.has(role):", "if False:"),),
        noticed_by="tests/web/test_access.py::test_each_role_opens_its_own_routes_and_no_other",
    ),
    Broken(
        name="takes a token from the address",
        promise="A token in an address is not looked at, and not logged",
        file="remediator/web/credentials.py",
        changes=(
            (
                ("    if not headers:\n        return None\n"),
                (
                    '    if not headers and "token" in request.query:\n'
                    '        return Given(Way.BEARER, request.query["token"].encode())\n'
                    "    if not headers:\n"
                    "        return None\n"
                ),
            ),
        ),
        noticed_by="tests/web/access/test_sessions.py::test_a_token_in_the_address_is_not_looked_at",
    ),
    Broken(
        name="does not look at a cookie's signature",
        promise="A session that was planted, made up or ended is worth nothing",
        file="remediator/web/sessions.py",
        changes=(("self._signer.loads(given)", "self._signer.loads_unsafe(given)[1]"),),
        noticed_by="tests/web/access/test_sessions.py::test_a_cookie_that_was_made_up_is_worth_nothing",
    ),
    Broken(
        name="takes any form token",
        promise="Forms of other sites, and of none, change nothing",
        file="remediator/web/csrf.py",
        changes=(
            (
                (
                    'if given is None or not hmac.compare_digest(given.encode(errors="replace"), '
                    "expected.encode()):"
                ),
                "if given is None or expected is None:",
            ),
        ),
        noticed_by="tests/web/access/test_forms.py::test_the_token_of_another_login_is_not_taken",
    ),
    Broken(
        name="trusts whoever comes from this machine",
        promise="A name made to lead to this server opens nothing",
        file="remediator/web/access.py",
        changes=(
            (
                "return self._by_certificate(request, role) or self.of_browser(request)",
                'return self._by_certificate(request, role) or self._named("root", Way.PROXY)',
            ),
        ),
        noticed_by="tests/security/test_requests.py::test_a_name_made_to_lead_here_opens_nothing",
    ),
    Broken(
        name="does not limit wrong tokens",
        promise="Guessing is limited, and does not stop Alertmanager",
        file="remediator/web/access.py",
        changes=(("if wait and (holder is None or", "if wait < wait and (holder is None or"),),
        noticed_by="tests/web/access/test_wrong_tokens.py::test_wrong_headers_are_limited",
    ),
    Broken(
        name="takes anybody's vote",
        promise=("A plan is approved by those who were asked, each once, and never by who started it"),
        file="remediator/engine/approvals.py",
        changes=(("if not actor.is_among(request.from_):", "if not request.from_:"),),
        noticed_by="tests/engine/test_approvals.py::test_only_who_is_asked_decides",
    ),
    Broken(
        name="takes a vote on another plan",
        promise="Only the plan that was shown, of that very run, is decided on",
        file="remediator/engine/approvals.py",
        changes=(("if request.plan_hash != plan_hash:", "if not plan_hash:"),),
        noticed_by="tests/security/test_requests.py::test_the_plan_of_another_run_decides_nothing",
    ),
    Broken(
        name="takes what Slack signed twice",
        promise="A verdict stands; sending it again, or the other one, changes nothing",
        file="remediator/web/slack_signature.py",
        changes=(("        self._seen[expected] = now\n", ""),),
        noticed_by="tests/web/test_slack.py::test_the_same_request_again_is_refused",
    ),
    Broken(
        name="reads a value of a command again",
        promise=(
            "A label is never a shell's line, an option of its own, a template, a host, a "
            "path elsewhere, markup, a log line, a metric's label or a formula"
        ),
        file="remediator/actions/command_line.py",
        changes=(
            (
                ("_PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), argument) for argument"),
                (
                    "_PLACEHOLDER.sub(\n"
                    "            lambda found: values.get(found[1], found[0]),\n"
                    "            _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), "
                    "argument),\n"
                    "        )\n"
                    "        for argument"
                ),
            ),
        ),
        noticed_by="tests/actions/test_command_run.py::test_a_value_is_one_argument_and_is_not_read_again",
    ),
    Broken(
        name="leaves markup in notices",
        promise="Nor does it speak in a notice, a report or a page",
        file="remediator/notices/inert.py",
        changes=(("return plain.translate(_MARKUP)", "return plain"),),
        noticed_by="tests/notices/test_inert.py::test_hostile_values_do_nothing",
    ),
    Broken(
        name="takes a path that begins with a host",
        promise="No label chooses a host, also no link-local one",
        file="remediator/clients/service_paths.py",
        changes=(('if not path.startswith("/") or path.startswith("//"):', "if not path:"),),
        noticed_by="tests/clients/test_service_paths.py::test_paths_that_are_refused",
    ),
    Broken(
        name="does not escape what goes into a query",
        promise="A query keeps its meaning",
        file="remediator/policy/promql.py",
        changes=(("else _escape(part.render(scope))", "else part.render(scope)"),),
        noticed_by="tests/policy/test_rendering.py::test_queries_get_their_values_escaped",
    ),
    Broken(
        name="takes a duration with more behind it",
        promise="Whatever bytes come in, a reader takes them or refuses them in its own words",
        file="remediator/durations.py",
        changes=(("not _WHOLE.fullmatch(text)", "not _WHOLE.match(text)"),),
        noticed_by="tests/security/test_fuzzing.py::test_nothing_that_was_kept_breaks_a_reader",
    ),
    Broken(
        name="takes NaN for JSON",
        promise=(
            "NUL, half a character, NaN, numbers and nesting without end, and keys given twice harm nobody"
        ),
        file="remediator/alerts.py",
        changes=((", parse_constant=_refuse_constant)", ")"),),
        noticed_by="tests/web/test_webhook.py::test_what_is_no_payload_is_kept_aside_and_noted",
    ),
    Broken(
        name="reads YAML of any depth",
        promise="YAML makes nothing but plain data",
        file="remediator/yaml_source.py",
        changes=(("if depth > MAX_DEPTH or aliases > MAX_ALIASES:", "if depth > MAX_DEPTH * 1000:"),),
        noticed_by="tests/policy/test_yaml_source.py::test_what_is_refused_and_where",
    ),
    Broken(
        name="lets expressions call",
        promise="Expressions reach nothing of Python, and grow nothing",
        file="remediator/policy/sandbox.py",
        changes=(("    nodes.Slice,\n", ("    nodes.Slice,\n    nodes.Call,\n")),),
        noticed_by="tests/policy/test_expressions.py::test_what_is_not_allowed_is_refused_when_compiled",
    ),
    Broken(
        name="does not look how a body is packed",
        promise="Packed bodies are not unpacked, too much is refused before memory grows",
        file="remediator/web/webhook.py",
        changes=(('.lower() != "identity":', '.lower() == "never":'),),
        noticed_by="tests/web/test_webhook.py::test_a_packed_body_is_never_unpacked",
    ),
    Broken(
        name="takes any text for a pattern",
        promise="Patterns of the configuration that are none are refused when it is read",
        file="remediator/settings.py",
        changes=(("values: dict[EntryName, RE2] =", "values: dict[EntryName, str] ="),),
        noticed_by="tests/policy/test_settings_file.py::test_every_fault_of_the_file_with_its_place",
    ),
    Broken(
        name="follows where a channel leads",
        promise="Nobody is led elsewhere by a redirect",
        file="remediator/clients/apprise_sender.py",
        changes=(("http_redirects=False", "http_redirects=True"),),
        noticed_by=("tests/security/test_redirects.py::test_a_channel_that_leads_elsewhere_has_not_taken_it"),
    ),
    Broken(
        name="takes a broken connection for nothing sent",
        promise=(
            "A target that is down, slow, half-closed, resets, floods or talks nonsense is "
            "told in time, and never counts as done"
        ),
        file="remediator/clients/http.py",
        changes=(
            (
                'return ClientError(Fault.LOST, f"the connection',
                'return ClientError(Fault.NOT_SENT, f"the connection',
            ),
        ),
        noticed_by="tests/security/test_faulty_targets.py::test_a_services_request_may_have_happened",
    ),
    Broken(
        name="follows links to files",
        promise="Files are written in their own folder only",
        file="remediator/clients/placed_file.py",
        changes=(
            ("_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC", "_LOOK = os.O_RDONLY | os.O_CLOEXEC"),
        ),
        noticed_by="tests/clients/test_placed_file.py::test_nor_is_a_link_among_its_folders",
    ),
    Broken(
        name="knows secrets only as they are",
        promise=(
            "A secret comes out nowhere: logs, database, metrics, pages, API, errors, "
            "command lines, reports, notices, exports, backups"
        ),
        file="remediator/secret_refs.py",
        changes=(("for form in secret_forms(value)}", "for form in (value,)}"),),
        noticed_by="tests/security/test_redaction.py::test_encoded_it_is_hidden_as_well",
    ),
    Broken(
        name="takes a secret in plain",
        promise="A secret written in plain is refused",
        file="remediator/secret_refs.py",
        changes=(('if not is_secret_ref(value) or value == "env:":', 'if value == "env:":'),),
        noticed_by="tests/policy/test_settings_file.py::test_every_fault_of_the_file_with_its_place",
    ),
    Broken(
        name="passes over a line without saying why",
        promise="The usual mistakes are looked for",
        file="remediator/web/csrf.py",
        changes=(("# nosec B105  # not a password", "# nosec"),),
        noticed_by=(
            "tests/security/test_supply.py::test_what_bandit_is_told_to_pass_over_is_named_and_has_a_reason"
        ),
    ),
)

"""All actions, by name. Explicit: an action exists because it is listed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediator.actions.alertmanager_silence import AlertmanagerSilence, SilencesAlerts
from remediator.actions.base import Action
from remediator.actions.command_run import CommandRun
from remediator.actions.compose_restart import ComposeRestart
from remediator.actions.compose_scale import ComposeScale
from remediator.actions.compose_services import ComposeServices
from remediator.actions.containers import Containers
from remediator.actions.docker_env import DockerEnv
from remediator.actions.docker_exec import DockerExec
from remediator.actions.docker_inspect import DockerInspect
from remediator.actions.docker_logs import DockerLogs
from remediator.actions.docker_network import DockerNetwork
from remediator.actions.docker_restart import DockerRestart
from remediator.actions.docker_start import DockerStart
from remediator.actions.docker_stats import DockerStats
from remediator.actions.docker_stop import DockerStop
from remediator.actions.docker_top import DockerTop
from remediator.actions.docker_update import DockerUpdate
from remediator.actions.file_render import FileRender
from remediator.actions.fly_apps import FlyApps
from remediator.actions.fly_deploy import FlyDeploy
from remediator.actions.fly_logs import FlyLogs
from remediator.actions.fly_restart import FlyRestart
from remediator.actions.fly_scale_count import FlyScaleCount
from remediator.actions.fly_scale_memory import FlyScaleMemory
from remediator.actions.fly_secrets import FlySecrets
from remediator.actions.fly_status import FlyStatus
from remediator.actions.from_container import FromContainer
from remediator.actions.http_probe import HttpProbe
from remediator.actions.http_request import HttpRequest
from remediator.actions.net_dns import NetDns
from remediator.actions.net_tcp import NetTcp
from remediator.actions.nginx_control import NginxControl
from remediator.actions.nginx_reload import NginxReload
from remediator.actions.notify_send import NotifySend, QueuesMessages
from remediator.actions.prometheus_query import AnswersPromQL, PrometheusQuery
from remediator.actions.report_write import ReportWrite, WritesReports
from remediator.actions.wait import Wait
from remediator.clients.compose import ComposeClient
from remediator.clients.docker import DockerEngine
from remediator.clients.fly import FlyClient
from remediator.clients.http import ServiceClient
from remediator.clients.process import ProcessRunner
from remediator.clock import Clock
from remediator.settings import Settings
from remediator.settings_docker import Docker

ACTIONS: tuple[type[Action[Any]], ...] = (
    HttpRequest,
    HttpProbe,
    PrometheusQuery,
    DockerRestart,
    DockerStart,
    DockerStop,
    DockerLogs,
    DockerInspect,
    DockerStats,
    DockerTop,
    DockerNetwork,
    DockerEnv,
    DockerExec,
    DockerUpdate,
    ComposeRestart,
    ComposeScale,
    FlySecrets,
    FlyScaleCount,
    FlyScaleMemory,
    FlyRestart,
    FlyDeploy,
    FlyStatus,
    FlyLogs,
    NetTcp,
    NetDns,
    FileRender,
    NginxReload,
    CommandRun,
    AlertmanagerSilence,
    NotifySend,
    ReportWrite,
    Wait,
)
"""Every action's class, for the documentation and the schema."""


@dataclass(frozen=True, slots=True)
class ActionClients:
    """What actions reach out with. Nothing connects before it is used."""

    services: ServiceClient
    engine: DockerEngine
    compose: ComposeClient | None
    fly: FlyClient | None
    processes: ProcessRunner
    alertmanagers: Mapping[str, SilencesAlerts] = field(default_factory=dict)
    messages: QueuesMessages | None = None
    reports: WritesReports | None = None

    @classmethod
    def of(cls, settings: Settings, processes: ProcessRunner) -> ActionClients:
        """Make them for an inventory."""
        docker, compose, fly = settings.docker, settings.compose, settings.fly
        return cls(
            services=ServiceClient(settings.services),
            engine=DockerEngine((docker or Docker()).host),
            compose=ComposeClient(compose, processes, docker.host if docker else None) if compose else None,
            fly=FlyClient(fly, processes) if fly else None,
            processes=processes,
        )

    async def close(self) -> None:
        """Close what is open."""
        await self.services.close()
        self.engine.close()


def build_actions(
    settings: Settings, clients: ActionClients, clock: Clock, promql: AnswersPromQL | None = None
) -> Mapping[str, Action[Any]]:
    """Build every action against an inventory; those whose section is absent refuse all."""
    project = settings.compose.project if settings.compose else None
    containers = Containers(settings.docker, clients.engine, project)
    inside = FromContainer(containers)
    commands = CommandRun(settings.commands, clients.processes)
    control = NginxControl(settings.nginx, clients.processes, containers)
    services = ComposeServices(
        settings.compose, clients.compose, clients.engine if settings.docker is not None else None
    )
    apps = FlyApps(settings.fly, clients.fly)
    public_url = str(settings.server.public_url) if settings.server.public_url else None
    built: tuple[Action[Any], ...] = (
        HttpRequest(settings.services, clients.services),
        HttpProbe(settings.services, clients.services, inside),
        PrometheusQuery(promql),
        DockerRestart(containers, clock),
        DockerStart(containers),
        DockerStop(containers),
        DockerLogs(containers, clock),
        DockerInspect(containers),
        DockerStats(containers),
        DockerTop(containers),
        DockerNetwork(containers),
        DockerEnv(containers, clock),
        DockerExec(containers),
        DockerUpdate(containers),
        ComposeRestart(services),
        ComposeScale(services),
        FlySecrets(apps),
        FlyScaleCount(apps),
        FlyScaleMemory(apps),
        FlyRestart(apps),
        FlyDeploy(apps),
        FlyStatus(apps),
        FlyLogs(apps, clock),
        NetTcp(settings.network, inside),
        NetDns(settings.network, inside),
        FileRender(settings.files, commands, control),
        NginxReload(control),
        commands,
        AlertmanagerSilence(settings.sources, clients.alertmanagers, clock, public_url),
        NotifySend(clients.messages),
        ReportWrite(clients.reports),
        Wait(clock),
    )
    return {action.name: action for action in built}

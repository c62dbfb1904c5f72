"""Typed keys: what the application and a request carry."""

from __future__ import annotations

from aiohttp import web

from remediator.engine.actors import Actor
from remediator.web.access import Access, Login
from remediator.web.api_description import ApiDescription
from remediator.web.connections import Connections
from remediator.web.event_feed import EventFeed
from remediator.web.event_streams import EventStreams
from remediator.web.request_body import BodyBudget
from remediator.web.services import Services

SERVICES = web.AppKey("services", Services)
ACCESS = web.AppKey("access", Access)
CONNECTIONS = web.AppKey("connections", Connections)
BODY_BUDGET = web.AppKey("body_budget", BodyBudget)
API_DESCRIPTION = web.AppKey("api_description", ApiDescription)
EVENT_FEED = web.AppKey("event_feed", EventFeed)
EVENT_STREAMS = web.AppKey("event_streams", EventStreams)
ACTOR = web.RequestKey("actor", Actor)
LOGIN = web.RequestKey("login", Login)

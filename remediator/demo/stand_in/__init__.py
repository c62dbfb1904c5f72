"""A stand-in for Prometheus and Alertmanager, for the demo on a machine that has neither.

It scrapes the agent, evaluates the same rules files as a real Prometheus would, answers queries, and posts
what fires and resolves as a version 4 payload. It understands as much of PromQL as the shipped rules and
policies use, and says so when asked for more.
"""

"""One file for each path: ``ROUTES``, and ``DOCUMENT`` with its part of the OpenAPI document.

A route's handler takes the request and the caller (``api.guard``), and returns a response.
"""

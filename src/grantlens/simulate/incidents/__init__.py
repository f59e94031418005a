"""Planted incidents, one function each; `ALL` tells them in this order."""

from grantlens.simulate.incidents import clouds, integrity, lag, privilege, scope, stories, withdrawn

ALL = (*stories.ALL, *scope.ALL, *privilege.ALL, *lag.ALL, *withdrawn.ALL, *integrity.ALL, *clouds.ALL)

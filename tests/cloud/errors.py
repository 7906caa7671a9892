# SPDX-License-Identifier: Apache-2.0
"""What a service says when it refuses a whole call."""


class ServiceError(Exception):
    """An AWS JSON 1.1 error: its code goes into `__type`."""

    def __init__(self, code, message, status=400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

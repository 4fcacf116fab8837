"""What the operations on webhook configurations share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from tieline.http.auth import require
from tieline.http.refusals import CodedError, Refusals
from tieline.identity.models import Principal, Scope

Reader = Annotated[Principal, Depends(require(Scope.WEBHOOK_READ))]
Writer = Annotated[Principal, Depends(require(Scope.WEBHOOK_WRITE))]
Deliverer = Annotated[Principal, Depends(require(Scope.WEBHOOK_DELIVER))]

refusals = Refusals(
    CodedError, {403: "The caller lacks the scope for this call, or the webhook is protected."}
)

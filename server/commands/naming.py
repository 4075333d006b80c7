"""What people call things on the command line: an account or squad by name, an officer by certificate, a list by number."""

from __future__ import annotations

import uuid

from sqlalchemy import ColumnElement, Select, func, select

from server.access.models import Account
from server.approvals.rules import number_as_written
from server.custody.models import CustodyStore, RegistrationList
from server.grids.models import GridCell
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Certificate, Squad
from server.records.models import Record


def account_called(work: Work, said: str) -> uuid.UUID:
    """The account that is meant by its name or its id.

    Raises:
        Problem: ``not_found``.
    """
    own = select(Account.id).where(Account.bureau_id == work.bureau_id)
    named = own.where(func.lower(Account.username) == said.lower())
    return _meant(work, said, named, f"没有账号“{said}”。There is no account of this name.")


def store_called(work: Work, said: str) -> uuid.UUID:
    """The store of evidence that is meant by its code or its id; errors as for ``account_called``."""
    own = select(CustodyStore.id).where(CustodyStore.bureau_id == work.bureau_id)
    missing = f"没有编号为“{said}”的证物库，见 xunge custody stores。There is no store of this code."
    return _meant(work, said, own.where(CustodyStore.code == said), missing)


def person_called(work: Work, said: str) -> uuid.UUID:
    """The person that is meant by a certificate (执法证), an account or an id; errors as for ``account_called``."""
    certified = select(Certificate.person_id).where(
        Certificate.bureau_id == work.bureau_id, Certificate.cert_no == said
    )
    signing_in = select(Account.person_id).where(
        Account.bureau_id == work.bureau_id,
        func.lower(Account.username) == said.lower(),
        Account.person_id.is_not(None),
    )
    missing = (
        f"没有执法证号或账号为“{said}”的人员。There is nobody with this certificate number or account name."
    )
    either = certified.union(signing_in).subquery()
    return _meant(work, said, select(either.c.person_id), missing)


def squad_called(work: Work, said: str) -> uuid.UUID:
    """The squad that is meant by its name or its id; errors as for ``account_called``."""
    own = select(Squad.id).where(Squad.bureau_id == work.bureau_id)
    missing = f"没有名为“{said}”的中队。There is no squad of this name."
    return _meant(work, said, own.where(Squad.name == said), missing)


def cell_called(work: Work, said: str) -> uuid.UUID:
    """The cell that is meant by its code or its id; errors as for ``account_called``."""
    own = select(GridCell.id).where(GridCell.bureau_id == work.bureau_id)
    missing = f"没有编号为“{said}”的网格。There is no cell of this code."
    return _meant(work, said, own.where(GridCell.code == said), missing)


def list_called(work: Work, said: str) -> uuid.UUID:
    """The registration list that is meant by its official number or its id; errors as for ``account_called``.

    Whether the actor may see it is for whoever loads it to ask.
    """
    own = select(RegistrationList.root_id).join(Record, Record.id == RegistrationList.root_id)
    numbered: ColumnElement[bool] = Record.numbers["registration_list"].astext == (
        number_as_written(said) or ""
    )
    missing = f"没有编号为“{said}”的先行登记清单，见 xunge custody list。There is no registration list of this number."
    return _meant(work, said, own.where(RegistrationList.bureau_id == work.bureau_id, numbered), missing)


def _meant(work: Work, said: str, named: Select[uuid.UUID], missing: str) -> uuid.UUID:
    try:
        return uuid.UUID(said)
    except ValueError:
        found: uuid.UUID | None = work.session.scalar(named.limit(1))
    if found is None:
        raise Problem("not_found", detail=missing)
    return found

"""What every notifier promises: a name, a check that opens nothing, errors with a receiver's name and no secret."""

from __future__ import annotations

import re

import pytest
from telling import House, an_alert

from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.records import Message
from monitor.notify import NOTIFIERS
from monitor.notify.base import Letter, Notifier
from monitor.settings import Receiver

BARE = [notifier for notifier in NOTIFIERS if notifier.name != "log"]


def a_letter(house: House) -> Letter:
    message = Message(id="a" * 64, receiver="them", event="opened", alert=an_alert(), at=house.clock.now())
    return Letter(message, house.clock.now(), home="", draw=lambda _: None, alerts=list)


@pytest.fixture
def house(lab: object) -> House:
    return House(lab)  # type: ignore[arg-type]


@pytest.mark.parametrize("notifier", list(NOTIFIERS), ids=lambda notifier: notifier.name)
def test_its_name_is_a_word_of_the_settings(notifier: Notifier) -> None:
    assert re.fullmatch("[a-z_]+", notifier.name)
    assert type(notifier).__doc__
    assert NOTIFIERS.get(notifier.name) is notifier


@pytest.mark.parametrize("notifier", BARE, ids=lambda notifier: notifier.name)
def test_a_receiver_that_lacks_everything_is_refused_before_and_is_final_then(notifier: Notifier, house: House) -> None:
    bare = Receiver(kind=notifier.name)
    with pytest.raises(SettingsError):
        notifier.check(bare, house.lab.settings)
    with pytest.raises(DeliveryError) as failed:
        notifier.send(a_letter(house), bare, house.lab.settings)
    assert failed.value.permanent
    assert str(failed.value).startswith("receiver them: ")

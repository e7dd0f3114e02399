"""Statistics of a received stream (RFC 3550 §6.4.1)."""

from media.reception import Reception


def feed(reception: Reception, numbers: list[int], *, late_s: float = 0.0) -> None:
    for index, number in enumerate(numbers):
        reception.count(number & 0xFFFF, index * 900, 100 + index * 0.01 + (late_s if index % 2 else 0))


def test_nothing_received_is_reported_as_nothing() -> None:
    block = Reception(90_000).block(1, 0, 0)
    assert (block.fraction, block.lost, block.highest, block.jitter) == (0, 0, 0, 0)


def test_loss_is_counted_since_the_last_report_and_since_the_start() -> None:
    reception = Reception(90_000)
    feed(reception, [n for n in range(100) if n % 4 != 1])
    block = reception.block(1, 0, 0)
    assert (block.fraction, block.lost, block.highest) == (64, 25, 99)
    feed(reception, list(range(100, 200)))
    block = reception.block(1, 0, 0)
    assert (block.fraction, block.lost, block.highest) == (0, 25, 199)


def test_numbers_wrap_around() -> None:
    reception = Reception(90_000)
    feed(reception, list(range(65_500, 65_600)))
    block = reception.block(1, 0, 0)
    assert (block.lost, block.highest) == (0, 65_599)


def test_disorder_is_no_loss() -> None:
    reception = Reception(90_000)
    feed(reception, [0, 2, 1, 3, 5, 4, 6])
    assert reception.block(1, 0, 0).lost == 0


def test_jitter_is_that_of_arrival() -> None:
    even, uneven = Reception(90_000), Reception(90_000)
    feed(even, list(range(200)))
    feed(uneven, list(range(200)), late_s=0.005)
    assert even.block(1, 0, 0).jitter <= 1
    assert 400 <= uneven.block(1, 0, 0).jitter <= 450  # 5 ms at 90 kHz


def test_the_delay_belongs_to_a_sender_report() -> None:
    reception = Reception(48_000)
    assert reception.block(1, 0, 2.0).delay == 0
    block = reception.block(1, 0xAABBCCDD, 2.0)
    assert (block.last_report, block.delay) == (0xAABBCCDD, 131_072)

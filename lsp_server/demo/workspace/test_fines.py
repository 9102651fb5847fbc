"""What a late book is to cost; one of these fails."""

import unittest

from shelf.fines import fine


class FinesTest(unittest.TestCase):
    def test_the_first_days_are_free(self) -> None:
        self.assertEqual(fine(3), 0)

    def test_each_day_behind_them_costs_as_much(self) -> None:
        self.assertEqual([fine(4), fine(5), fine(10)], [10, 20, 70])

"""The demo city 样例市, invented and deterministic: every name is synthetic, and two builds are equal."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from server.demo.cells import REGION_CODE, GridCell, build_leaves, build_tree
from server.demo.identity import stable_id
from server.demo.register import BuildingLand, Outlet, build_outlets
from server.demo.sites import Site, UnlicensedSeller, build_sites, build_unlicensed_sellers
from server.demo.staff import (
    Account,
    Certificate,
    Device,
    Duty,
    Person,
    Squad,
    Vehicle,
    build_accounts,
    build_certificates,
    build_devices,
    build_duties,
    build_people,
    build_squads,
    build_vehicles,
)


@dataclass(frozen=True, slots=True)
class Bureau:
    """A monopoly bureau."""

    id: uuid.UUID
    parent_id: uuid.UUID | None
    name: str
    level: str
    region_code: str
    population: int | None


PREFECTURE = Bureau(stable_id("bureau", "990100"), None, "样例州烟草专卖局", "prefecture", "990100", None)
BUREAU = Bureau(
    stable_id("bureau", REGION_CODE), PREFECTURE.id, "样例市烟草专卖局", "county", REGION_CODE, 500_000
)


@dataclass(frozen=True, slots=True)
class City:
    """Everything that stands before the first visit; cells come parents first."""

    prefecture: Bureau
    bureau: Bureau
    cells: tuple[GridCell, ...]
    squads: tuple[Squad, ...]
    people: tuple[Person, ...]
    certificates: tuple[Certificate, ...]
    vehicles: tuple[Vehicle, ...]
    devices: tuple[Device, ...]
    accounts: tuple[Account, ...]
    duties: tuple[Duty, ...]
    outlets: tuple[Outlet, ...]
    sites: tuple[Site, ...]
    unlicensed_sellers: tuple[UnlicensedSeller, ...]

    @property
    def leaf_cells(self) -> tuple[GridCell, ...]:
        """The 214 cells that duty and outlets hang on."""
        return tuple(cell for cell in self.cells if cell.cell_level == 4)

    @property
    def ecig_outlets(self) -> tuple[Outlet, ...]:
        """The 36 outlets that owe re-inspections, nine a squad, in the order of the squads."""
        return tuple(outlet for outlet in self.outlets if outlet.is_ecig and outlet.status == "active")

    def sites_of(self, kind: str) -> tuple[Site, ...]:
        """The sites of one kind."""
        return tuple(site for site in self.sites if site.kind == kind)


def build_city() -> City:
    """The demo city."""
    leaves = build_leaves()
    land = BuildingLand(leaves)
    outlets = build_outlets(leaves, land)
    people = build_people()
    ecig_cells = frozenset(outlet.cell_id for outlet in outlets if outlet.is_ecig)
    return City(
        prefecture=PREFECTURE,
        bureau=BUREAU,
        cells=build_tree(leaves),
        squads=build_squads(),
        people=people,
        certificates=build_certificates(),
        vehicles=build_vehicles(),
        devices=build_devices(),
        accounts=build_accounts(people),
        duties=build_duties(leaves, ecig_cells),
        outlets=outlets,
        sites=build_sites(leaves, land, outlets),
        unlicensed_sellers=build_unlicensed_sellers(leaves, land),
    )

"""Who is in which team, over a real MongoDB: asked at each request, so by an index."""

import pytest

from services.gateway.teams import Teams
from shared.contracts.base import derived_id
from shared.mongo import IGNORING_CASE, Database
from tests.builders import a_member, a_partner

PARTNERS = 2_000


@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
async def test_of_many_partners_only_those_of_the_address_are_read(mongo_database: Database) -> None:
    teams = Teams(mongo_database)
    await teams.prepare()
    state = a_partner().model_dump(mode="json")
    await mongo_database["partners"].insert_many(
        {
            "_id": derived_id("partner", number),
            "state": {**state, "members": [a_member(email=f"Owner{number}@hoshi.example").model_dump(mode="json")]},
        }
        for number in range(PARTNERS)
    )
    assert len(await teams.of("owner7@hoshi.example")) == 1
    found = mongo_database["partners"].find({"state.members.email": "owner7@hoshi.example"}, collation=IGNORING_CASE)
    plan = await found.explain()
    assert (plan["executionStats"]["nReturned"], plan["executionStats"]["totalDocsExamined"]) == (1, 1)

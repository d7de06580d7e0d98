"""The public search as a FastAPI service would have it: asyncpg, a pool a process, typed answers."""

import base64
import os
from contextlib import asynccontextmanager
from datetime import date

import asyncpg
from fastapi import FastAPI, Query, Response
from pydantic import BaseModel

COLUMNS = "SELECT card, rank, name, institution_id FROM public_institutions"
ORDER = "ORDER BY rank, name, institution_id LIMIT"
PAGE = 20


class Card(BaseModel):
    credit_code: str
    name: str
    region: str
    region_name: str
    category: str
    stages: list[str]
    delivery: list[str]
    address: str
    list_status: str
    list_since: date | None
    list_ground: str | None
    licence_to: date | None
    courses: int
    fee_min_fen: int | None
    fee_max_fen: int | None
    escrow_account: bool


class Page(BaseModel):
    items: list[Card]
    next_cursor: str | None


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = await asyncpg.create_pool(
        host=os.environ["PGHOST"], user="mingjian_public", database="mingjian", min_size=8, max_size=8,
        server_settings={"jit": "off", "plan_cache_mode": "force_generic_plan"},
        # Nothing in the session changes between requests, so a connection needs no cleaning.
        reset=lambda connection: no_reset(),
    )
    yield
    await app.state.pool.close()


async def no_reset():
    return None


app = FastAPI(lifespan=lifespan)


def tokens(q: str) -> list[str]:
    """The tokens of the search table that a query asks for."""
    found = set()
    for word in q.lower().split():
        if word.isascii():
            found.add("^" + word[:2])
            found.update(word[at : at + 3] for at in range(len(word) - 2))
        elif len(word) == 1:
            found.add(word)
        else:
            found.update(word[at : at + 2] for at in range(len(word) - 1))
    return sorted(found)


async def rows(q: str, region: str, category: str):
    conditions, values = [], []
    if q:
        values.append(tokens(q))
        conditions.append(f"tokens @> ${len(values)}")
    if region and region.endswith("00"):
        values.extend((int(region), int(region) + 99))
        conditions.append(f"tenant_id BETWEEN ${len(values) - 1} AND ${len(values)}")
    elif region:
        values.append(int(region))
        conditions.append(f"tenant_id = ${len(values)}")
    if category:
        values.append(category)
        conditions.append(f"category = ${len(values)}")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    values.append(PAGE + 1)
    async with app.state.pool.acquire() as connection:
        found = await connection.fetch(f"{COLUMNS} {where} {ORDER} ${len(values)}", *values)
    if len(found) <= PAGE:
        return found, None
    last = found[PAGE - 1]
    plain = f"{last['rank']}.{last['institution_id']}.{last['name']}".encode()
    return found[:PAGE], base64.urlsafe_b64encode(plain).decode().rstrip("=")


@app.get("/api/v1/public/institutions", response_model=Page)
async def search(q: str = Query("", max_length=60), region: str = "", category: str = ""):
    found, cursor = await rows(q, region, category)
    return Page(items=[Card.model_validate_json(row["card"]) for row in found], next_cursor=cursor)


@app.get("/passed-on")
async def passed_on(q: str = Query("", max_length=60), region: str = "", category: str = ""):
    """The same without typed answers: the stored text goes out as it is, which no tutorial teaches."""
    found, cursor = await rows(q, region, category)
    cursor = f'"{cursor}"' if cursor else "null"
    body = f'{{"items":[{",".join(row["card"] for row in found)}],"next_cursor":{cursor}}}'
    return Response(body, media_type="application/json")

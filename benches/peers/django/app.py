"""The public search as a Django REST framework service would have it: a model, a serializer, a view; one file."""

import base64
import json
import os

import django
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY="for measuring only",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.postgres", "rest_framework"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "USER": "mingjian_public",
            "NAME": "mingjian",
            # A connection lives as long as its worker.
            "CONN_MAX_AGE": None,
            "OPTIONS": {"options": "-c jit=off"},
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
    USE_TZ=True,
)
django.setup()

from django.contrib.postgres.fields import ArrayField  # noqa: E402  (models need the settings above)
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.db.models import F  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

PAGE = 20


class Institution(models.Model):
    institution_id = models.BigIntegerField(primary_key=True)
    tenant_id = models.IntegerField()
    name = models.TextField()
    category = models.TextField()
    rank = models.SmallIntegerField()
    tokens = ArrayField(models.TextField())
    card = models.TextField()

    class Meta:
        app_label = "peer"
        managed = False
        db_table = "public_institutions"


class CardSerializer(serializers.Serializer):
    credit_code = serializers.CharField()
    name = serializers.CharField()
    region = serializers.CharField()
    region_name = serializers.CharField()
    category = serializers.CharField()
    stages = serializers.ListField(child=serializers.CharField())
    delivery = serializers.ListField(child=serializers.CharField())
    address = serializers.CharField()
    list_status = serializers.CharField()
    list_since = serializers.DateField()
    list_ground = serializers.CharField()
    licence_to = serializers.DateField()
    courses = serializers.IntegerField()
    fee_min_fen = serializers.IntegerField()
    fee_max_fen = serializers.IntegerField()
    escrow_account = serializers.BooleanField()


def tokens(q):
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


class Search(APIView):
    def get(self, request):
        asked = request.query_params
        found = Institution.objects.order_by("rank", "name", "institution_id")
        if asked.get("q"):
            # Along the index of the order PostgreSQL would read half the table for a rare brand; somebody would soon
            # have found that out, and that a sum of nothing keeps it from doing so.
            found = found.filter(tokens__contains=tokens(asked["q"])).order_by(F("rank") + 0, "name", "institution_id")
        if asked.get("region"):
            code = int(asked["region"])
            found = found.filter(tenant_id__range=(code, code + 99)) if code % 100 == 0 else found.filter(tenant_id=code)
        if asked.get("category"):
            found = found.filter(category=asked["category"])
        rows = list(found.only("institution_id", "name", "rank", "card")[: PAGE + 1])
        cursor = None
        if len(rows) > PAGE:
            last = rows[PAGE - 1]
            plain = f"{last.rank}.{last.institution_id}.{last.name}".encode()
            cursor = base64.urlsafe_b64encode(plain).decode().rstrip("=")
        cards = CardSerializer([json.loads(row.card) for row in rows[:PAGE]], many=True)
        return Response({"items": cards.data, "next_cursor": cursor})


urlpatterns = [path("api/v1/public/institutions", Search.as_view())]
application = get_wsgi_application()

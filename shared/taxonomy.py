"""The services that partners offer and requests name, in the order in which forms and filters list them.

Keys are frozen: they stand in events that are kept forever. A name may be improved, a service may be added at its
place in the list; none is renamed or removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of work for an online store. `names` has one entry each for `en`, `fr` and `ja`."""

    key: str
    names: Mapping[str, str]


def _service(key: str, en: str, fr: str, ja: str) -> Service:
    return Service(key, MappingProxyType({"en": en, "fr": fr, "ja": ja}))


_TABLE = (
    _service("store-setup", "Store setup", "Création de boutique", "ストア構築"),
    _service("theme-customisation", "Theme customisation", "Personnalisation de thème", "テーマのカスタマイズ"),
    _service("store-redesign", "Store redesign", "Refonte de boutique", "ストアのリニューアル"),
    _service("migration", "Store migration", "Migration de boutique", "ストアの移行"),
    _service("app-development", "App development", "Développement d'applications", "アプリ開発"),
    _service(
        "checkout-customisation",
        "Checkout customisation",
        "Personnalisation du paiement",
        "チェックアウトのカスタマイズ",
    ),
    _service("subscriptions", "Subscriptions", "Vente par abonnement", "定期購入・サブスクリプション"),
    _service("marketplaces-integration", "Marketplace integration", "Connexion aux places de marché", "ECモール連携"),
    _service("point-of-sale", "Point of sale", "Caisse et point de vente", "POSレジ導入"),
    _service("accounting-setup", "Accounting setup", "Paramétrage comptable", "会計ソフトの連携・設定"),
    _service("troubleshooting", "Troubleshooting", "Dépannage", "トラブル対応"),
    _service("speed-optimisation", "Speed optimisation", "Optimisation de la vitesse", "表示速度の改善"),
    _service("accessibility", "Accessibility", "Accessibilité numérique", "アクセシビリティ対応"),
    _service("seo", "Search engine optimisation (SEO)", "Référencement naturel (SEO)", "SEO対策"),
    _service("ads", "Search and social ads", "Publicité (recherche et réseaux sociaux)", "広告運用（検索・SNS）"),
    _service("email-marketing", "Email marketing", "Marketing par e-mail", "メールマーケティング"),
    _service("analytics", "Analytics", "Analyse de données", "アクセス解析"),
    _service(
        "conversion-optimisation", "Conversion optimisation", "Optimisation du taux de conversion", "コンバージョン改善"
    ),
    _service("branding", "Branding", "Identité de marque", "ブランディング"),
    _service("logo-design", "Logo design", "Création de logo", "ロゴデザイン"),
    _service("product-photography", "Product photography", "Photographie de produits", "商品撮影"),
    _service("video", "Video", "Vidéo", "動画制作"),
    _service("copywriting", "Copywriting", "Conception-rédaction", "コピーライティング"),
    _service("product-descriptions", "Product descriptions", "Rédaction de fiches produits", "商品説明文の作成"),
    _service("translation", "Translation and localisation", "Traduction et localisation", "翻訳・ローカライズ"),
    _service("training", "Training", "Formation", "運用トレーニング"),
)

SERVICES: Mapping[str, Service] = MappingProxyType({service.key: service for service in _TABLE})


def is_service(key: str) -> bool:
    """Whether `key` stands in the taxonomy."""
    return key in SERVICES


def service_name(key: str, locale: str) -> str:
    """The service's name for a reader; English where the locale is not one of ours.

    Raises KeyError for a key that the taxonomy does not have.
    """
    names = SERVICES[key].names
    return names.get(locale, names["en"])


def _known(key: str) -> str:
    if not is_service(key):
        raise ValueError(f"{key!r} is not a service of the taxonomy")
    return key


ServiceKey = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(SERVICES)})]
"""A field type for pydantic models at the edges (forms, API): a string that must name a service."""

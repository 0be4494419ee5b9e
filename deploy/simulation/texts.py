"""What merchants and partners write, in three languages: each names its trade in its own."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from shared.contracts.base import Locale
from shared.taxonomy import service_name

_INDUSTRIES = (
    ("loose leaf tea and teapots", "thé en vrac et théières", "茶葉と急須"),
    ("road bicycles and spare parts", "vélos de route et pièces détachées", "自転車と交換部品"),
    ("natural skincare and soap", "cosmétiques naturels et savons", "自然派化粧品と石鹸"),
    ("handmade ceramics and tableware", "céramique artisanale et vaisselle", "手作りの陶器と食器"),
    ("children's toys and wooden puzzles", "jouets d'enfants et puzzles en bois", "子どもの玩具と木製パズル"),
    ("vitamins and sports nutrition", "vitamines et nutrition sportive", "ビタミンと栄養補助食品"),
    ("second-hand books and comics", "livres d'occasion et bandes dessinées", "古書と漫画"),
    ("phone cases and gadgets", "coques de téléphone et gadgets", "スマートフォンケースと小物"),
    ("women's fashion and knitwear", "mode féminine et tricots", "婦人服とニット"),
    ("garden tools and seeds", "outils de jardin et semences", "園芸用品と種子"),
    ("wine and craft beer", "vin et bière artisanale", "ワインと地ビール"),
    ("dog food and pet supplies", "alimentation canine et animalerie", "犬用フードとペット用品"),
)
INDUSTRIES: Sequence[Mapping[Locale, str]] = tuple(
    MappingProxyType(dict(zip(Locale, names, strict=True))) for names in _INDUSTRIES
)

_WANTED = {
    Locale.EN: "We sell {industry}. We need help with: {service}.",
    Locale.FR: "Nous vendons {industry}. Nous cherchons de l'aide : {service}.",
    Locale.JA: "{industry}を販売しています。{service}をお願いできる方を探しています。",
}
_DROPSHIPPING = {
    Locale.EN: "Our suppliers ship for us: it is a dropshipping store.",
    Locale.FR: "Nos fournisseurs expédient pour nous : c'est du dropshipping.",
    Locale.JA: "仕入先が直接発送するドロップシッピングの店です。",
}
_ABOUT = {
    Locale.EN: "We work for shops that sell {first}, and for {second}. Known for: {services}.",
    Locale.FR: "Nous travaillons pour des marques de {first}, et de {second}. Connus pour : {services}.",
    Locale.JA: "{first}や{second}のお店を手がけています。得意分野：{services}。",
}


def title(service: str, locale: Locale) -> str:
    return service_name(service, locale)


def business(industry: int, locale: Locale) -> str:
    return INDUSTRIES[industry][locale]


def requirements(service: str, industry: int, locale: Locale, *, dropshipping: bool) -> str:
    wanted = _WANTED[locale].format(industry=INDUSTRIES[industry][locale], service=service_name(service, locale))
    return f"{wanted} {_DROPSHIPPING[locale]}" if dropshipping else wanted


def about(known_for: Sequence[str], industries: Sequence[int], locale: Locale) -> str:
    first, second = (INDUSTRIES[one][locale] for one in industries)
    services = ", ".join(service_name(service, locale) for service in known_for)
    return _ABOUT[locale].format(first=first, second=second, services=services)

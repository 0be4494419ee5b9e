"""Names of invented people by country, and of the invented shops that portfolios show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class People:
    """Given and family names that may be combined freely."""

    given: tuple[str, ...]
    family: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shops:
    """Beginnings and endings of a shop's domain name, joined by a hyphen."""

    first: tuple[str, ...]
    last: tuple[str, ...]


def _people(given: str, family: str) -> People:
    return People(tuple(given.split(", ")), tuple(family.split(", ")))


def _readings(names: str) -> tuple[tuple[str, str], ...]:
    return tuple((written, read) for written, read in (name.split() for name in names.split(", ")))


def _shops(first: str, last: str) -> Shops:
    return Shops(tuple(first.split()), tuple(last.split()))


_FRENCH_GIVEN = (
    "Adèle, Antoine, Aurélie, Baptiste, Bérénice, Céline, Clément, Élodie, Émile, Fanny, Gaspard, Hélène, Jérôme, "
    "Juliette, Karim, Laurène, Lucie, Malik, Margaux, Maxime, Nathan, Océane, Pauline, Quentin, Rémi, Samira, "
    "Sébastien, Théo, Valentine, Zoé"
)

PEOPLE = {
    "US": _people(
        "Alicia, Andre, Becca, Calvin, Carmen, Dana, Darnell, Elena, Ethan, Grace, Imani, Jake, Jasmine, Kevin, Kiara, "
        "Lauren, Luis, Megan, Miguel, Naomi, Nora, Omar, Paige, Reggie, Rosa, Sam, Tessa, Trevor, Vanessa, Wyatt",
        "Alvarado, Beckwith, Brannigan, Calloway, Delacruz, Ellison, Fairbanks, Gutierrez, Haskell, Ibarra, Jefferies, "
        "Kowalczyk, Lindgren, Mayfield, Nakamura, Okafor, Pruitt, Quintero, Rutledge, Santoro, Tran, Underhill, "
        "Vasquez, Whitaker, Yarborough, Zielinski",
    ),
    "GB": _people(
        "Amina, Angus, Bethan, Callie, Daisy, Dylan, Eleanor, Ewan, Freya, George, Harriet, Imran, Jack, Kavita, Liam, "
        "Lottie, Megan, Nathaniel, Olive, Poppy, Rajesh, Rhys, Rosie, Samuel, Tamsin, Zara",
        "Abernathy, Ashworth, Begum, Blackwood, Chaudhry, Cartwright, Dunmore, Entwistle, Fairhurst, Gill, Hargreaves, "
        "Iqbal, Jenkins, Kirkbride, Llewellyn, MacAllister, Nettleton, Okoro, Pemberton, Ramsbottom, Sutcliffe, "
        "Thackeray, Whitcombe",
    ),
    "CA": _people(
        "Adam, Anjali, Brooke, Cassidy, Colin, Emily, Farah, Gavin, Hannah, Ivan, Jordan, Kayla, Logan, Mackenzie, "
        "Neil, Olivia, Preet, Quinn, Ryan, Simone, Taylor, Winnie",
        "Abbott, Beaulieu, Chow, Dhaliwal, Friesen, Gallagher, Hryniuk, Janzen, Kaczmarek, Lam, MacIsaac, Norquay, "
        "Oakes, Penner, Reimer, Sandhu, Stewart, Tkachuk, Wiebe, Yee",
    ),
    "AU": _people(
        "Alana, Angus, Bec, Bronte, Cooper, Darcy, Ella, Finn, Georgia, Harrison, Indigo, Jarrah, Kirra, Lachlan, "
        "Matilda, Nicola, Phoebe, Riley, Sienna, Tahlia, Thi, Will",
        "Atkins, Bartlett, Carmody, Doyle, Economou, Farrugia, Gallo, Hennessy, Inglis, Jurisic, Kelleher, Lockyer, "
        "McKinnon, Nguyen, Papadakis, Quigley, Rossiter, Spiteri, Trewin, Vella, Walsh",
    ),
    "IE": _people(
        "Aisling, Aoife, Brendan, Cian, Ciara, Conor, Darragh, Eimear, Eoin, Fiadh, Gráinne, Kasia, Maeve, Niamh, "
        "Oisín, Orla, Pádraig, Róisín, Rónán, Sinéad, Tadhg",
        "Brannock, Byrne, Costello, Devlin, Fahy, Geraghty, Hegarty, Kavanagh, Lenihan, McGrath, Nolan, O'Dowd, "
        "O'Shaughnessy, Quirke, Rafferty, Scanlon, Tuohy, Wójcik",
    ),
    "SG": _people(
        "Aisyah, Amirah, Deepa, Farhan, Hui Min, Irfan, Jia Hui, Jun Wei, Kai Xin, Lakshmi, Mei Ling, Nurul, Priyanka, "
        "Rachel, Ravi, Shu Fen, Siti, Wei Ming, Xin Yi, Zhi Hao",
        "Abdullah, Chan, Goh, Ho, Kaur, Krishnan, Lim, Menon, Nair, Neo, Ong, Pillai, Quek, Rahman, Seah, Tan, Teo, "
        "Yeo, Zainal",
    ),
    "DE": _people(
        "Anja, Birgit, Cem, Dominik, Elif, Friederike, Hannes, Jonas, Katharina, Leonie, Matthias, Svenja, Torben",
        "Ahrens, Böttcher, Demir, Engelmann, Gerlach, Hinrichs, Kaya, Lüdtke, Oppermann, Reinhardt, Steinbach, Wiesner",
    ),
    "NL": _people(
        "Anouk, Bram, Daan, Femke, Joris, Lotte, Maaike, Niels, Roos, Sander, Thijs, Yara",
        "Bakhuis, De Graaf, Hoekstra, Kuipers, Noordhoek, Schouten, Van Dijk, Veenstra, Wassink",
    ),
    "FR": _people(
        _FRENCH_GIVEN,
        "Aubry, Bazin, Bellanger, Charpentier, Cordonnier, Delmas, Diallo, Esnault, Fabre, Gaillard, Haddad, Jacquet, "
        "Lacombe, Le Goff, Maréchal, Mercier, Nivelle, Ouvrard, Pasquier, Queffélec, Rousselot, Saunier, Thévenot, "
        "Vasseur, Zerrouki",
    ),
    "BE": _people(
        _FRENCH_GIVEN,
        "Claessens, Collard, De Smet, Delvaux, Dethier, El Amrani, Gilson, Hanquet, Lambrecht, Lejeune, Marchal, Noël, "
        "Peeters, Renard, Servais, Vanderlinden, Wauthier",
    ),
    "CH": _people(
        _FRENCH_GIVEN,
        "Aebischer, Berset, Bochatay, Chappuis, Clerc, Cuendet, Dubuis, Favre, Grandjean, Jaquier, Moret, Nicollier, "
        "Perrin, Rochat, Savary, Vuilleumier",
    ),
    "CA-fr": _people(
        "Alexis, Anne-Sophie, Catherine, Charles-Étienne, Danaé, Émilie, Félix, Florence, Francis, Gabrielle, "
        "Guillaume, Isabelle, Jean-Philippe, Jessica, Laurence, Maude, Mélissa, Nicolas, Olivier, Rosalie, Vincent",
        "Arsenault, Beauchemin, Bélanger, Boisvert, Charbonneau, Desjardins, Duchesne, Fontaine, Gagnon, "
        "Jean-Baptiste, Laflamme, Lévesque, Nadeau, Ouellet, Paquin, Robitaille, Sirois, Tremblay, Vaillancourt",
    ),
}

# Each as it is written and as it is read, because e-mail addresses need the reading.
JAPANESE_GIVEN = _readings(
    "葵 aoi, 陽菜 hina, 結衣 yui, 大輔 daisuke, 健太 kenta, 翔 sho, 真由美 mayumi, 彩 aya, 直樹 naoki, 裕子 yuko, "
    "恵 megumi, 拓也 takuya, 沙織 saori, 智也 tomoya, 由佳 yuka, 悠斗 yuto, 香織 kaori, 和也 kazuya, 麻衣 mai, "
    "涼太 ryota, 千夏 chinatsu, 隼人 hayato, 理恵 rie, 誠 makoto, 楓 kaede, 純 jun, 桃子 momoko, 圭介 keisuke, "
    "遥 haruka, 達郎 tatsuro"
)
JAPANESE_FAMILY = _readings(
    "相沢 aizawa, 石井 ishii, 上野 ueno, 遠藤 endo, 大西 onishi, 片山 katayama, 北川 kitagawa, 久保 kubo, "
    "小松 komatsu, 坂本 sakamoto, 篠原 shinohara, 杉本 sugimoto, 関口 sekiguchi, 高木 takagi, 千葉 chiba, "
    "辻 tsuji, 寺田 terada, 内藤 naito, 西村 nishimura, 野口 noguchi, 橋本 hashimoto, 平野 hirano, "
    "藤井 fujii, 細川 hosokawa, 松尾 matsuo, 宮本 miyamoto, 村上 murakami, 森田 morita, 安田 yasuda, "
    "吉川 yoshikawa, 和田 wada"
)

SHOPS = {
    "en": _shops(
        "saltmarsh hollow-oak brindle wren-and-co tidemark larkspur old-mill juno pebblebrook northlight hazelwick "
        "copperpot fennel-lane bluebarrow quillfeather sorrel ottoline mossbank thimble sunny-acre greyhound driftwood "
        "clementine ironleaf",
        "teas goods ceramics outfitters candles bikes skincare coffee books toys cheese knitwear boots kitchen garden "
        "stationery records pets",
    ),
    "fr": _shops(
        "maison atelier comptoir cave epicerie savonnerie ferme librairie tissage brulerie herboristerie jardin",
        "tilleul marjolaine salicorne aubepine verveine mistral lavandin capucine genevrier romarin bruyere cardamome "
        "sarrasin nigelle noisetier campanule pervenche roseliere",
    ),
    "ja": _shops(
        "yamabuki shirafuji tsukimi asagiri konpeito hinoki nagomi kinari tokiwa suzunari mizuiro akebono hanamori "
        "komachi yuzuriha wakaba",
        "coffee mokko honpo saryo zakka touki seika bunbogu nouen ryokucha pan kagu",
    ),
}

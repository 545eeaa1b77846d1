"""Names, places and price levels of the sample shop, written by hand.

No real person, firm or address stands here; e-mail addresses use the reserved `example.com`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    """A category with 35 products: each noun in each variant."""

    path: str
    nouns: tuple[str, ...]
    variants: tuple[str, ...]
    pattern: str  # how noun and variant make a name
    share: float  # of all order lines
    price: float  # median price with VAT at the first month, in shop currency
    cost_ratio: float  # cost over price, both without VAT
    vat_percent: int
    sold_by: str  # "kilo", "piece" (one or more) or "single" (one at a time)


CATEGORIES = (
    Category(
        "Gıda > Kahvaltılık > Peynir ve Zeytin",
        (
            "Beyaz Peynir",
            "Kaşar Peyniri",
            "Tulum Peyniri",
            "Lor Peyniri",
            "Yeşil Zeytin",
            "Siyah Zeytin",
            "Çökelek",
        ),
        ("Ezine", "İzmir", "Köy Usulü", "Az Tuzlu", "Gemlik"),
        "{variant} {noun}, açık",
        0.16,
        180.0,
        0.71,
        10,
        "kilo",
    ),
    Category(
        "Gıda > Temel Gıda > Bakliyat ve Un",
        (
            "Kırmızı Mercimek",
            "Nohut",
            "Kuru Fasulye",
            "Pirinç",
            "Pilavlık Bulgur",
            "Buğday Unu",
            "İrmik",
        ),
        ("500 g", "1 kg", "2,5 kg", '1 kg "Yöresel"', "Organik, 750 g"),
        "{noun}, {variant}",
        0.15,
        55.0,
        0.72,
        10,
        "piece",
    ),
    Category(
        "Gıda > İçecek > Çay ve Kahve",
        ("Rize Çayı", "Türk Kahvesi", "Filtre Kahve", "Ihlamur", "Adaçayı", "Yeşil Çay", "Sahlep"),
        ("100 g", "250 g", "500 g", "Süzen Poşet", "Hediyelik Kutu"),
        "{noun}, {variant}",
        0.12,
        110.0,
        0.65,
        10,
        "piece",
    ),
    Category(
        "Giyim > Kadın > Elbise",
        ("Elbise", "Tunik", "Etek", "Bluz", "Hırka", "Ceket", "Şalvar"),
        ("Çiçekli", "Düz", "Uzun", "İpek Karışımlı", "Kuşaklı"),
        "Kadın {variant} {noun}",
        0.07,
        650.0,
        0.48,
        10,
        "piece",
    ),
    Category(
        "Giyim > Erkek > Gömlek ve Pantolon",
        ("Gömlek", "Pantolon", "Kazak", "Yelek", "Mont", "Süveter", "Takım Elbise"),
        ("Slim", "Klasik", "Keten", "Ekoseli", "Kışlık"),
        "Erkek {variant} {noun}",
        0.06,
        520.0,
        0.50,
        10,
        "piece",
    ),
    Category(
        "Giyim > Çocuk > Tişört ve Şort",
        ("Tişört", "Şort", "Pijama", "Eşofman", "Çorap", "Bere", "Yağmurluk"),
        ("3-4 Yaş", "5-6 Yaş", "7-8 Yaş", "9-10 Yaş", "11-12 Yaş"),
        "Çocuk {noun} {variant}",
        0.08,
        240.0,
        0.52,
        10,
        "piece",
    ),
    Category(
        "Ev > Mutfak > Pişirme",
        ("Düdüklü Tencere", "Tava", "Çaydanlık", "Güveç", "Börek Tepsisi", "Sahan", "Cezve"),
        ("Çelik", "Granit", "Bakır", "Döküm", "Emaye"),
        "{variant} {noun}",
        0.04,
        780.0,
        0.58,
        20,
        "single",
    ),
    Category(
        "Ev > Tekstil > Nevresim ve Havlu",
        ("Nevresim Takımı", "Havlu", "Yastık", "Yorgan", "Çarşaf", "Masa Örtüsü", "Bornoz"),
        ("Pamuklu", "Bambu", "İşlemeli", "Çizgili", "Kadife"),
        "{variant} {noun}",
        0.05,
        480.0,
        0.55,
        20,
        "piece",
    ),
    Category(
        "Elektronik > Ev > Küçük Ev Aletleri",
        (
            "Çay Makinesi",
            "Ütü",
            "Süpürge",
            "Blender",
            "Tost Makinesi",
            "Saç Kurutma Makinesi",
            "Isıtıcı",
        ),
        ("Mini", "Klasik", "Plus", "Pro", 'Sessiz "S" Serisi'),
        "{noun} {variant}",
        0.03,
        1900.0,
        0.70,
        20,
        "single",
    ),
    Category(
        "Kozmetik > Kişisel Bakım > Cilt ve Saç",
        ("El Kremi", "Yüz Kremi", "Şampuan", "Sıvı Sabun", "Gül Suyu", "Güneş Kremi", "Kolonya"),
        ("Zeytinyağlı", "Lavantalı", "Güllü", "Hassas Ciltler İçin", "Limonlu"),
        "{variant} {noun}",
        0.11,
        210.0,
        0.47,
        20,
        "piece",
    ),
    Category(
        "Oyuncak > Çocuk > Eğitici Oyuncak",
        ("Yapboz", "Ahşap Blok", "Hafıza Kartı", "Boyama Seti", "Satranç", "Bilim Seti", "Kukla"),
        ('"Küçük Kâşif"', '"Ormanın Dostları"', '"İlk Adım"', "Büyük Boy", "Yolculuk Boyu"),
        "{noun}, {variant}",
        0.06,
        260.0,
        0.57,
        20,
        "piece",
    ),
    Category(
        "Kırtasiye > Okul ve Ofis > Yazı Gereçleri",
        (
            "Defter",
            "Dolma Kalem",
            "Kurşun Kalem",
            "Boya Kalemi",
            "Ajanda",
            "Klasör",
            "Sırt Çantası",
        ),
        ("Çizgili", "Kareli", "Renkli", "Lüks", "Ekonomik, 3'lü"),
        "{variant} {noun}",
        0.07,
        70.0,
        0.60,
        20,
        "piece",
    ),
)


@dataclass(frozen=True, slots=True)
class City:
    """A city with its share of the customers and the shop's stores there."""

    name: str
    region: str
    share: float
    stores: tuple[str, ...]


CITIES = (
    City("İstanbul", "Marmara", 0.32, ("Kadıköy", "Beşiktaş", "Üsküdar", "Bakırköy")),
    City("Ankara", "İç Anadolu", 0.14, ("Çankaya", "Keçiören")),
    City("İzmir", "Ege", 0.11, ("Karşıyaka", "Bornova")),
    City("Bursa", "Marmara", 0.08, ("Nilüfer",)),
    City("Antalya", "Akdeniz", 0.07, ("Muratpaşa",)),
    City("Adana", "Akdeniz", 0.05, ("Seyhan",)),
    City("Konya", "İç Anadolu", 0.05, ("Selçuklu",)),
    City("Gaziantep", "Güneydoğu Anadolu", 0.05, ("Şahinbey",)),
    City("Eskişehir", "İç Anadolu", 0.04, ("Odunpazarı",)),
    City("Samsun", "Karadeniz", 0.04, ("Atakum",)),
    City("Diyarbakır", "Güneydoğu Anadolu", 0.03, ("Kayapınar",)),
    City("Muğla", "Ege", 0.02, ("Menteşe",)),
)

WOMEN = (
    "Ayşe", "Fatma", "Emine", "Hatice", "Zeynep", "Elif", "Meryem", "Şerife", "Sultan", "Hülya",
    "Özlem", "Gülşah", "Çiğdem", "Işıl", "İpek", "Nurgül", "Sevgi", "Tuğba", "Büşra", "Ceren",
    "Yağmur", "Derya", "Ebru", "Filiz", "Gökçe", "Irmak", "Kübra", "Lale", "Müge", "Pınar",
)  # fmt: skip
MEN = (
    "Mehmet", "Mustafa", "Ahmet", "Ali", "Hüseyin", "Hasan", "İbrahim", "İsmail", "Osman", "Yusuf",
    "Murat", "Ömer", "Ramazan", "Halil", "Süleyman", "Barış", "Çağrı", "Doğan", "Emre", "Fırat",
    "Gökhan", "Ilgaz", "Kağan", "Levent", "Oğuz", "Özgür", "Serkan", "Şahin", "Tolga", "Uğur",
)  # fmt: skip
SURNAMES = (
    "Yılmaz", "Kaya", "Demir", "Şahin", "Çelik", "Yıldız", "Yıldırım", "Öztürk", "Aydın", "Özdemir",
    "Arslan", "Doğan", "Kılıç", "Aslan", "Çetin", "Kara", "Koç", "Kurt", "Özkan", "Şimşek",
    "Polat", "Korkmaz", "Çakır", "Erdoğan", "Güneş", "Akın", "Işık", "İnce", "Ünal", "Bulut",
    "Tekin", "Avcı", "Yavuz", "Taş", "Göksu", "Kaplan", "Ergün", "Soylu", "Uçar", "Ağaoğlu",
)  # fmt: skip
ACQUISITION = ("mağaza", "web", "mobil", "tavsiye", "sosyal medya", "arama reklamı")

"""What the made-up retailer is told with: people, places, goods, and how often each comes up."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


def _listed(text: str) -> list[str]:
    return [item.strip() for line in text.strip().splitlines() for item in line.split("|")]


FIRST_NAMES = [
    *_words(
        """
        James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara
        Richard Susan Joseph Jessica Thomas Sarah Charles Karen Christopher Lisa Daniel Nancy
        Matthew Betty Anthony Sandra Mark Ashley Donald Emily Steven Kimberly Andrew Margaret Paul
        Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Melissa Timothy Deborah Ronald
        Stephanie Jason Rebecca George Laura Edward Helen Jeffrey Sharon Ryan Cynthia Jacob
        Kathleen Nicholas Amy Gary Angela Eric Shirley Jonathan Anna Aisha Amara Arjun Bao Chiara
        Deepika Diego Elif Fatima Giulia Hiroshi Imani Ingrid Jamal Keiko Lars Leila Mateo Mei Noor
        Olga Priya Rafael Sanjay Sofia Tariq Wei Yara Zainab Zoë Chloé André José Łukasz Małgorzata
        Søren Björk François Jürgen Ayşe Núria
        """
    ),
    "Mary Ann",
    "Jean-Luc",
    "D'Angelo",
    'Robert "Bob"',
    'Margaret "Peggy"',
]

LAST_NAMES = [
    *_words(
        """
        Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez
        Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris
        Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen
        Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez
        Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart Morris Morales Murphy
        Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox
        Ward Richardson Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz Hughes Price
        Alvarez Castillo Sanders Patel Myers Long Ross Foster Jimenez Chen Wang Singh Khan Ali
        Okafor Mensah Haddad Yamamoto O'Brien O'Connor D'Souza N'Diaye McDonald Smith-Jones Müller
        Kowalski Wójcik Łęcki Nowak Øst Sørensen García-Ruiz Şahin Đorđević Dvořák Lefèvre Straße
        Þórsdóttir
        """
    ),
    "Davis, Jr.",
    "de la Cruz",
    "van der Berg",
]

CITIES = _listed(
    """
    Chicago, IL 60614 | Springfield, IL 62704 | Columbus, OH 43215 | Cleveland, OH 44114
    Austin, TX 78704 | Houston, TX 77019 | Dallas, TX 75204 | Denver, CO 80205 | Seattle, WA 98122
    Portland, OR 97209 | San José, CA 95112 | Los Angeles, CA 90026 | San Diego, CA 92104
    Phoenix, AZ 85016 | Miami, FL 33137 | Orlando, FL 32803 | Atlanta, GA 30312
    Nashville, TN 37206 | Charlotte, NC 28203 | Boston, MA 02118 | New York, NY 10025
    Brooklyn, NY 11215 | Philadelphia, PA 19147 | Pittsburgh, PA 15201 | Detroit, MI 48201
    Minneapolis, MN 55408 | St. Paul, MN 55104 | St. Louis, MO 63110 | Kansas City, MO 64111
    Coeur d'Alene, ID 83814 | Truth or Consequences, NM 87901 | Winston-Salem, NC 27101
    90-001 Łódź, Poland | 31-042 Kraków, Poland | 8001 Zürich, Switzerland | 50667 Köln, Germany
    5003 Bergen, Norway | 1050-094 Lisboa, Portugal
    """
)

STORE_PLACES = [
    *(city.rsplit(" ", 1)[0] for city in CITIES if city[-1].isdigit()),
    "Łódź, Poland",
    "Kraków, Poland",
    "Zürich, Switzerland",
]
STORE_DISTRICTS = ["Downtown", "North", "Airport", "Mall", "West End", "Harbor", "University"]

OPEN_HOURS = [
    "Mon-Sat 08:00-21:00, Sun 10:00-18:00",
    "Mon-Sun 09:00-21:00",
    "Mon-Fri 08:00-20:00; Sat-Sun 09:00-18:00",
    "24/7",
    "Mon-Sat 10:00–20:00",
]

# Category: its usual price in dollars, its goods.
GOODS: dict[str, tuple[float, list[str]]] = {
    "Electronics": (140, ["Headphones", "Tablet", '27" Monitor', "Soundbar", "Camera", "Router"]),
    "Home & Kitchen": (38, ["Blender", "Frying Pan", "Duvet Cover", "Lamp", "Knife Set", "Kettle"]),
    "Clothing, Women": (42, ["Dress", "Blouse", "Jeans", "Cardigan", "Raincoat", "Skirt"]),
    "Clothing, Men": (40, ["Shirt", "Chinos", "Hoodie", "Suit Jacket", "Polo", "Parka"]),
    "Shoes": (65, ["Sneakers", "Boots", "Sandals", "Loafers", "Running Shoes"]),
    "Beauty": (18, ["Face Cream", "Lipstick", "Shampoo", "Perfume", "Hand Soap", "Sunscreen"]),
    "Toys": (22, ["Puzzle", "Building Blocks", "Doll", "Board Game", "Kids' Bike", "Race Track"]),
    "Sports & Outdoors": (55, ["Yoga Mat", "Tent", "Dumbbells", "Backpack", '29" Bike Tire']),
    "Grocery": (
        7,
        ["Coffee Beans", "Olive Oil", "Dark Chocolate", "Green Tea", "Crème Brûlée Mix"],
    ),
    "Books": (16, ["Cookbook", "Novel", "Atlas", "Children's Book", "Travel Guide"]),
    "Garden": (33, ["Hose, 50 ft", "Planter", "Pruning Shears", "Bird Feeder", "Rake"]),
    "Pets": (21, ["Dog Bed", "Cat Tree", "Aquarium Kit", "Chew Toy", "Bird Cage"]),
}
BRANDS = [
    "Halcyon",
    "Marlowe",
    "Alder&Co",
    "Fjällräv",
    "Lumen",
    "Tamarind",
    "Birchwood",
    "Kestrel",
    "Orbit",
    "Sól",
]
VARIANTS = [
    "Classic",
    "Deluxe",
    "Compact",
    "Pro",
    "Mini",
    "Eco",
    "Limited Edition",
    "Everyday",
    "Premium",
    "Travel",
    "XL",
    "Organic",
]

# What each department is asked about, how often, and how much harder than usual it is to solve.
ISSUES: dict[str, list[tuple[str, int, float]]] = {
    "Orders & Delivery": [("Late Delivery", 20, 0.05), ("Wrong Item", 8, 0.0)],
    "Returns": [("Return Request", 16, -0.08), ("Damaged Item", 9, 0.04)],
    "Billing": [("Billing Question", 12, -0.02), ("Refund Not Received", 7, 0.15)],
    "Technical Support": [("Website Problem", 7, 0.12), ("Account Access", 9, -0.05)],
    "Loyalty": [("Missing Points", 8, 0.02), ("Product Question", 4, -0.1)],
}
SHIFTS = ["Morning", "Afternoon", "Evening", "Night", "Weekend"]

UNSOLVED = {
    "Unresolved": 40,
    "Escalated": 30,
    "Pending": 20,
    "In Progress": 6,
    "Open": 4,
}
UNSOLVED_YET = {"Open": 35, "In Progress": 30, "Pending": 20, "Escalated": 10, "Unresolved": 5}

ONLINE_PAYMENTS = {
    "Credit Card": 40,
    "PayPal": 22,
    "Debit Card": 13,
    "Apple Pay": 9,
    "Google Pay": 6,
    "Gift Card": 4,
    "Bank Transfer": 3,
    "Buy Now Pay Later": 3,
}
STORE_PAYMENTS = {
    "Credit Card": 36,
    "Debit Card": 30,
    "Cash": 19,
    "Apple Pay": 7,
    "Google Pay": 4,
    "Gift Card": 3,
    "Check": 1,
}

# What has become of an order that is younger than so many days.
STATUSES_BY_AGE: dict[int, dict[str, int]] = {
    2: {"Pending": 45, "Processing": 40, "Shipped": 11, "Cancelled": 3, "Failed": 1},
    6: {"Shipped": 55, "Processing": 15, "Delivered": 24, "Cancelled": 4, "Failed": 2},
    15: {"Delivered": 80, "Completed": 8, "Shipped": 4, "Cancelled": 4, "Returned": 2, "Failed": 2},
    10_000: {
        "Completed": 76,
        "Delivered": 12,
        "Cancelled": 4,
        "Returned": 4,
        "Refunded": 2,
        "Failed": 2,
    },
}

# Points change by reason: how often, the usual number of points.
POINTS: dict[str, tuple[int, int]] = {
    "Purchase": (70, 45),
    "Bonus Points": (8, 100),
    "Birthday Reward": (3, 250),
    "Referral": (2, 500),
    "Redemption": (14, -300),
    "Points Expired": (3, -80),
}

TIERS = {"Bronze": 50, "Silver": 30, "Gold": 15, "Platinum": 5}

# How busy each hour of the day is, from midnight.
_ONLINE_WEEKDAY = [
    3,
    2,
    1,
    1,
    1,
    2,
    4,
    6,
    8,
    10,
    11,
    12,
    14,
    12,
    11,
    11,
    12,
    14,
    17,
    22,
    27,
    28,
    19,
    8,
]
_ONLINE_WEEKEND = [
    6,
    4,
    2,
    1,
    1,
    1,
    3,
    5,
    9,
    14,
    18,
    20,
    20,
    19,
    19,
    20,
    20,
    21,
    23,
    26,
    28,
    25,
    17,
    10,
]
_STORE_WEEKDAY = [0, 0, 0, 0, 0, 0, 0, 0, 4, 7, 9, 12, 16, 13, 11, 13, 19, 28, 30, 21, 11, 0, 0, 0]
_STORE_WEEKEND = [0, 0, 0, 0, 0, 0, 0, 0, 5, 10, 18, 25, 28, 30, 31, 29, 25, 20, 14, 9, 5, 0, 0, 0]
_SERVICE_WEEKDAY = [
    1,
    1,
    0,
    0,
    0,
    1,
    2,
    6,
    14,
    20,
    22,
    20,
    16,
    18,
    19,
    18,
    17,
    15,
    12,
    10,
    8,
    6,
    3,
    2,
]
_SERVICE_WEEKEND = [1, 1, 0, 0, 0, 1, 2, 4, 8, 12, 14, 14, 13, 12, 12, 11, 10, 9, 8, 7, 6, 4, 3, 2]

# How busy the days of the week are, from Monday, and the hours on each.
RHYTHMS: dict[str, tuple[list[float], list[list[int]]]] = {
    "online": (
        [1.0, 0.95, 0.95, 1.0, 1.05, 1.2, 1.3],
        [_ONLINE_WEEKDAY] * 5 + [_ONLINE_WEEKEND] * 2,
    ),
    "store": ([0.8, 0.8, 0.85, 0.95, 1.25, 1.6, 1.2], [_STORE_WEEKDAY] * 5 + [_STORE_WEEKEND] * 2),
    "service": (
        [1.3, 1.15, 1.0, 1.0, 0.95, 0.6, 0.5],
        [_SERVICE_WEEKDAY] * 5 + [_SERVICE_WEEKEND] * 2,
    ),
}

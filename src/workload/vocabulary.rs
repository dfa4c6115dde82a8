//! Word lists for generated texts, written for this suite. How words are put together is decided by workloads.

/// The lists by the names that patterns use: `{colour} {material} {thing}`.
pub const VOCABULARIES: [(&str, &[&str]); 14] = [
    ("adjective", ADJECTIVES),
    ("colour", COLOURS),
    ("material", MATERIALS),
    ("thing", THINGS),
    ("brand", BRANDS),
    ("first_name", FIRST_NAMES),
    ("last_name", LAST_NAMES),
    ("city", CITIES),
    ("country", COUNTRIES),
    ("street", STREETS),
    ("verb", VERBS),
    ("noun", PROSE),
    ("tag", TAGS),
    ("agent", AGENTS),
];

const ADJECTIVES: &[&str] = &[
    "compact", "classic", "light", "sturdy", "quiet", "folding", "portable", "modern", "rugged", "slim", "heavy-duty",
    "adjustable", "handmade", "recycled", "waterproof", "wireless", "everyday", "premium", "vintage", "insulated",
];

const COLOURS: &[&str] = &[
    "black", "white", "grey", "navy", "red", "green", "blue", "beige", "brown", "orange", "yellow", "teal", "olive",
    "violet", "silver", "copper",
];

const MATERIALS: &[&str] = &[
    "oak", "steel", "aluminium", "cotton", "linen", "wool", "leather", "bamboo", "glass", "ceramic", "granite", "cork",
    "nylon", "rubber", "beech", "brass",
];

const THINGS: &[&str] = &[
    "backpack", "desk lamp", "water bottle", "headphones", "keyboard", "kettle", "chair", "tent", "jacket", "notebook",
    "speaker", "camera strap", "cutting board", "bicycle pump", "frying pan", "wall clock", "monitor arm", "blanket",
    "toolbox", "umbrella", "scarf", "hammock", "charger", "coffee grinder", "bookshelf", "running shoes", "trolley",
    "thermos", "cushion", "whiteboard",
];

const BRANDS: &[&str] = &[
    "Arvella", "Borealin", "Castrum", "Dovrefell", "Eskerby", "Fjordane", "Graywick", "Halvard", "Ilmater", "Jorvik",
    "Kestrel & Co", "Lumino", "Marrow", "Nordlys", "Oakhaven", "Pallas", "Quillon", "Rosendal", "Solvang", "Tindra",
];

const FIRST_NAMES: &[&str] = &[
    "Ada", "Amir", "Ana", "Bao", "Carla", "Chidi", "Dana", "Elif", "Emil", "Fatima", "Georg", "Hana", "Ines", "Ivan",
    "Jonas", "Kaia", "Lena", "Luis", "Maja", "Marek", "Mei", "Nadia", "Noor", "Olga", "Omar", "Priya", "Rafael",
    "Rosa", "Sami", "Sofia", "Tariq", "Tomas", "Uma", "Vera", "Wei", "Yara", "Yusuf", "Zoe",
];

const LAST_NAMES: &[&str] = &[
    "Abara", "Almeida", "Andersen", "Baker", "Becker", "Castillo", "Chen", "Costa", "Dubois", "Eriksen", "Farouk",
    "Fischer", "Garcia", "Haddad", "Hansen", "Horvat", "Ito", "Jensen", "Kaya", "Khan", "Kim", "Kowalski", "Larsen",
    "Lopez", "Mbeki", "Moreau", "Nguyen", "Novak", "Okafor", "Patel", "Popescu", "Rossi", "Sato", "Schmidt", "Silva",
    "Singh", "Tanaka", "Varga", "Weber", "Zhang",
];

const CITIES: &[&str] = &[
    "Accra", "Ankara", "Athens", "Bergen", "Bogota", "Bristol", "Busan", "Cairo", "Chennai", "Cork", "Dakar", "Gdansk",
    "Ghent", "Hanoi", "Izmir", "Kyoto", "Lagos", "Leeds", "Lima", "Lyon", "Malmo", "Nairobi", "Oslo", "Porto", "Quito",
    "Riga", "Seville", "Tartu", "Turin", "Utrecht", "Vienna", "Zagreb",
];

const COUNTRIES: &[&str] = &[
    "Austria", "Belgium", "Brazil", "Chile", "Colombia", "Croatia", "Egypt", "Estonia", "France", "Germany", "Ghana",
    "Greece", "India", "Italy", "Japan", "Kenya", "Latvia", "Nigeria", "Norway", "Peru", "Poland", "Portugal", "Spain",
    "Sweden", "Turkey", "Vietnam",
];

const STREETS: &[&str] = &[
    "Abbey Road", "Bridge Street", "Canal Walk", "Church Lane", "Dock Street", "Elm Avenue", "Ferry Road", "Garden Way",
    "Harbour View", "High Street", "King's Road", "Lime Street", "Market Square", "Mill Lane", "North Gate",
    "Orchard Close", "Park Avenue", "Quay Side", "River Walk", "School Lane", "Station Road", "Tower Hill",
    "Union Street", "West End", "York Place",
];

const VERBS: &[&str] = &[
    "created", "updated", "viewed", "approved", "rejected", "archived", "shared", "exported", "assigned", "commented",
    "renamed", "restored",
];

const TAGS: &[&str] = &[
    "new", "sale", "eco", "gift", "bestseller", "limited", "outdoor", "office", "travel", "kids", "home", "sport",
    "refurbished", "local", "bulk", "clearance",
];

const AGENTS: &[&str] = &[
    "web/4.18.2 (desktop)", "web/4.18.2 (mobile)", "ios/7.2.0", "ios/7.1.4", "android/7.2.1", "android/7.0.9",
    "cli/1.12.0", "api/2026-01", "worker/3.3.1", "partner-sync/0.9.4",
];

/// Words of prose, the commonest first: `words` draws them with Zipf's frequencies, so that the text compresses as prose
/// does.
pub const PROSE: &[&str] = &[
    "the", "and", "of", "with", "for", "to", "a", "in", "is", "it", "that", "from", "this", "you", "on", "every", "its",
    "made", "small", "light", "when", "more", "than", "which", "can", "be", "are", "use", "set", "home", "day", "work",
    "easy", "keep", "fits", "all", "one", "two", "side", "hand", "clean", "weight", "size", "room", "open", "strong",
    "cover", "water", "handle", "travel", "pocket", "surface", "design", "finish", "frame", "inside", "without", "years",
    "between", "through", "season", "weather", "comfort", "material", "quality", "simple", "balanced", "storage",
    "kitchen", "garden", "office", "winter", "summer", "carry", "bottom", "corner", "closure", "detail", "durable",
    "edge", "fabric", "grip", "height", "included", "joint", "layer", "machine", "natural", "option", "package",
    "removable", "shelf", "texture", "upright", "versatile", "washable", "zipper", "adjusts", "backrest", "compartment",
    "dishwasher", "ergonomic", "foldable", "guarantee", "hardware", "interior", "lightweight", "maintenance", "organiser",
    "protection", "reinforced", "stainless", "temperature", "ventilation", "workshop", "assembly", "breathable",
];

"""Small hand-made tables of words: groups, opposites, plurals, rhymes, sounds, colors. Facts a child knows."""

from __future__ import annotations

GROUPS: dict[str, tuple[str, ...]] = {
    "animal": ("cat", "dog", "horse", "cow", "pig", "sheep", "goat", "duck", "lion", "tiger", "bear", "wolf", "fox", "rabbit", "mouse", "frog", "snake", "whale", "elephant", "monkey", "zebra", "camel", "deer", "donkey", "turtle", "penguin"),
    "fruit": ("apple", "banana", "pear", "plum", "cherry", "peach", "grape", "lemon", "orange", "mango", "melon", "strawberry", "pineapple", "kiwi", "fig", "apricot"),
    "vegetable": ("carrot", "potato", "onion", "cabbage", "spinach", "broccoli", "pea", "bean", "radish", "turnip", "lettuce", "celery", "garlic", "leek"),
    "color": ("red", "blue", "green", "yellow", "purple", "pink", "brown", "black", "white", "gray", "orange", "violet"),
    "sport": ("football", "tennis", "swimming", "golf", "hockey", "basketball", "rugby", "skiing", "boxing", "cricket", "baseball", "rowing", "volleyball", "running"),
    "tool": ("hammer", "saw", "screwdriver", "drill", "wrench", "axe", "shovel", "rake", "chisel", "pliers"),
    "instrument": ("piano", "violin", "guitar", "drum", "flute", "trumpet", "harp", "cello", "clarinet", "trombone", "organ", "banjo"),
    "vehicle": ("car", "bus", "train", "bicycle", "truck", "tram", "boat", "ship", "plane", "motorcycle", "van", "helicopter"),
    "piece of furniture": ("chair", "table", "sofa", "bed", "desk", "cupboard", "bench", "shelf", "wardrobe", "stool"),
    "piece of clothing": ("shirt", "coat", "hat", "sock", "scarf", "glove", "dress", "skirt", "jacket", "sweater", "belt", "trousers"),
    "drink": ("water", "milk", "tea", "coffee", "juice", "lemonade", "wine", "beer", "cocoa"),
    "metal": ("iron", "gold", "silver", "copper", "lead", "tin", "zinc", "nickel", "aluminum"),
    "profession": ("doctor", "teacher", "baker", "farmer", "nurse", "pilot", "lawyer", "carpenter", "plumber", "painter", "writer", "cook", "tailor", "dentist"),
    "bird": ("eagle", "sparrow", "robin", "owl", "crow", "swan", "pigeon", "parrot", "hawk", "stork", "heron", "seagull"),
    "insect": ("ant", "bee", "fly", "wasp", "beetle", "butterfly", "mosquito", "moth", "grasshopper", "cricket"),
    "tree": ("oak", "pine", "birch", "maple", "willow", "elm", "beech", "fir", "palm"),
    "flower": ("rose", "tulip", "daisy", "lily", "violet", "sunflower", "orchid", "daffodil", "poppy"),
    "part of the body": ("arm", "leg", "hand", "foot", "head", "knee", "elbow", "nose", "ear", "shoulder", "finger", "neck", "eye", "mouth"),
    "planet": ("mars", "venus", "jupiter", "saturn", "mercury", "neptune", "uranus", "earth"),
    "shape": ("circle", "square", "triangle", "rectangle", "oval", "hexagon", "pentagon"),
    "room": ("kitchen", "bedroom", "bathroom", "living room", "dining room", "cellar", "attic"),
}  # fmt: skip

OPPOSITES: tuple[tuple[str, str], ...] = (
    ("hot", "cold"), ("big", "small"), ("up", "down"), ("left", "right"), ("day", "night"), ("black", "white"), ("fast", "slow"),
    ("happy", "sad"), ("open", "closed"), ("full", "empty"), ("rich", "poor"), ("young", "old"), ("wet", "dry"), ("hard", "soft"),
    ("light", "dark"), ("early", "late"), ("near", "far"), ("high", "low"), ("in", "out"), ("on", "off"), ("good", "bad"),
    ("friend", "enemy"), ("love", "hate"), ("win", "lose"), ("push", "pull"), ("buy", "sell"), ("give", "take"), ("start", "stop"),
    ("long", "short"), ("thick", "thin"), ("wide", "narrow"), ("deep", "shallow"), ("strong", "weak"), ("clean", "dirty"),
    ("loud", "quiet"), ("true", "false"), ("always", "never"), ("before", "after"), ("above", "below"), ("inside", "outside"),
    ("first", "last"), ("more", "less"), ("many", "few"), ("easy", "difficult"), ("cheap", "expensive"), ("brave", "cowardly"),
    ("asleep", "awake"), ("alive", "dead"), ("sweet", "sour"), ("smooth", "rough"), ("sharp", "blunt"), ("tight", "loose"),
    ("war", "peace"), ("summer", "winter"), ("north", "south"), ("east", "west"), ("heaven", "hell"), ("king", "queen"),
    ("arrive", "leave"), ("remember", "forget"), ("laugh", "cry"), ("ask", "answer"), ("accept", "refuse"), ("rise", "fall"),
    ("borrow", "lend"), ("build", "destroy"), ("import", "export"), ("increase", "decrease"), ("success", "failure"),
    ("victory", "defeat"), ("question", "answer"), ("beautiful", "ugly"), ("polite", "rude"), ("safe", "dangerous"),
    ("heavy", "light"), ("modern", "ancient"), ("public", "private"), ("optimist", "pessimist"), ("entrance", "exit"),
)  # fmt: skip

PLURALS: tuple[tuple[str, str], ...] = (
    ("mouse", "mice"), ("child", "children"), ("foot", "feet"), ("tooth", "teeth"), ("man", "men"), ("woman", "women"),
    ("goose", "geese"), ("person", "people"), ("knife", "knives"), ("leaf", "leaves"), ("wolf", "wolves"), ("life", "lives"),
    ("wife", "wives"), ("half", "halves"), ("shelf", "shelves"), ("thief", "thieves"), ("loaf", "loaves"), ("sheep", "sheep"),
    ("fish", "fish"), ("deer", "deer"), ("ox", "oxen"), ("box", "boxes"), ("bus", "buses"), ("church", "churches"), ("dish", "dishes"),
    ("baby", "babies"), ("city", "cities"), ("lady", "ladies"), ("country", "countries"), ("story", "stories"), ("party", "parties"),
    ("potato", "potatoes"), ("tomato", "tomatoes"), ("hero", "heroes"), ("piano", "pianos"), ("photo", "photos"), ("key", "keys"),
    ("day", "days"), ("cat", "cats"), ("dog", "dogs"), ("house", "houses"), ("tree", "trees"), ("glass", "glasses"), ("watch", "watches"),
    ("fox", "foxes"), ("book", "books"), ("table", "tables"), ("wish", "wishes"), ("monkey", "monkeys"), ("berry", "berries"),
    ("lamp", "lamps"), ("window", "windows"), ("bridge", "bridges"), ("brush", "brushes"), ("calf", "calves"), ("scarf", "scarves"),
)  # fmt: skip

RHYMES: tuple[tuple[str, ...], ...] = (
    ("cat", "hat", "bat", "mat", "rat"), ("dog", "fog", "log", "frog"), ("tree", "bee", "knee", "sea", "free"), ("house", "mouse"),
    ("light", "night", "bright", "kite", "white"), ("day", "play", "way", "say", "gray"), ("king", "ring", "sing", "wing", "spring"),
    ("book", "cook", "look", "hook"), ("moon", "spoon", "soon", "noon", "tune"), ("car", "star", "far", "bar"), ("rain", "train", "pain", "brain", "chain"),
    ("boat", "coat", "goat", "note"), ("snow", "go", "slow", "show", "grow"), ("blue", "shoe", "true", "new", "two"), ("ball", "wall", "tall", "fall", "small"),
    ("bed", "red", "head", "bread"), ("sun", "fun", "run", "one", "gun"), ("hand", "sand", "land", "band", "stand"), ("cake", "lake", "snake", "make"),
    ("door", "floor", "four", "more", "shore"), ("pen", "ten", "men", "hen"), ("bell", "well", "tell", "shell", "smell"), ("hill", "pill", "will", "still"),
    ("nose", "rose", "those", "toes"), ("mice", "rice", "nice", "ice", "price"), ("jump", "bump", "pump"), ("old", "gold", "cold", "told"),
    ("ship", "trip", "lip", "chip"), ("fish", "dish", "wish"), ("clock", "rock", "sock", "lock"), ("town", "brown", "crown", "down"), ("sleep", "sheep", "deep", "keep"),
)  # fmt: skip

SOUNDS: tuple[tuple[str, str, str], ...] = (
    ("cat", "meows", "meow"), ("dog", "barks", "woof"), ("cow", "moos", "moo"), ("sheep", "bleats", "baa"), ("duck", "quacks", "quack"),
    ("horse", "neighs", "neigh"), ("pig", "grunts", "oink"), ("lion", "roars", "roar"), ("bee", "buzzes", "buzz"), ("snake", "hisses", "hiss"),
    ("owl", "hoots", "hoot"), ("frog", "croaks", "ribbit"), ("mouse", "squeaks", "squeak"), ("wolf", "howls", "howl"), ("rooster", "crows", "cock a doodle doo"),
    ("donkey", "brays", "hee haw"), ("chick", "cheeps", "cheep"), ("bird", "sings", "tweet"), ("crow", "caws", "caw"), ("turkey", "gobbles", "gobble"),
    ("elephant", "trumpets", "trumpet"), ("goat", "bleats", "meh"), ("hen", "clucks", "cluck"), ("pigeon", "coos", "coo"), ("bear", "growls", "growl"),
)  # fmt: skip

COLORS: tuple[tuple[str, str], ...] = (
    ("the sky on a clear day", "blue"), ("grass", "green"), ("snow", "white"), ("a banana", "yellow"), ("blood", "red"), ("coal", "black"),
    ("a ripe tomato", "red"), ("a carrot", "orange"), ("chocolate", "brown"), ("milk", "white"), ("a lemon", "yellow"), ("a frog", "green"),
    ("the sun", "yellow"), ("an elephant", "gray"), ("a strawberry", "red"), ("a polar bear", "white"), ("a crow", "black"),
    ("spinach", "green"), ("a flamingo", "pink"), ("an orange", "orange"), ("a cucumber", "green"), ("a fire engine", "red"), ("salt", "white"),
    ("a pumpkin", "orange"), ("an aubergine", "purple"), ("the sea", "blue"), ("a swan", "white"), ("a raven", "black"), ("gold", "yellow"),
    ("a pine tree", "green"), ("soil", "brown"), ("a stop sign", "red"), ("a penguin", "black and white"), ("a zebra", "black and white"),
)  # fmt: skip
MIXES: tuple[tuple[str, str, str], ...] = (
    ("red", "blue", "purple"), ("red", "yellow", "orange"), ("blue", "yellow", "green"), ("black", "white", "gray"), ("red", "white", "pink"),
)  # fmt: skip

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SPELLED = (
    "apple", "table", "house", "water", "garden", "window", "evening", "morning", "yellow", "summer", "winter", "friend", "music",
    "school", "paper", "river", "mountain", "flower", "kitchen", "doctor", "pencil", "orange", "planet", "silver", "rabbit", "tiger",
    "bridge", "castle", "candle", "butter", "button", "bottle", "letter", "number", "answer", "question", "animal", "banana",
    "chicken", "children", "dinner", "eleven", "family", "finger", "forest", "guitar", "hammer", "island", "jacket", "ladder", "market",
    "monkey", "mother", "ocean", "people", "pocket", "potato", "pretty", "rocket", "sister", "spider", "street", "sugar", "teacher",
    "ticket", "tomato", "travel", "turtle", "uncle", "village", "weather", "wonder", "zebra", "bread", "chair", "cloud", "dream",
    "earth", "fruit", "glass", "green", "heart", "horse", "knife", "lemon", "light", "money", "night", "plant", "queen", "radio",
    "sheep", "smile", "snake", "spoon", "stone", "storm", "train", "truck", "voice", "watch", "wheel", "world", "young", "cat", "dog",
    "sun", "moon", "star", "tree", "fish", "bird", "book", "milk", "rain", "snow", "wind", "door", "hand", "king", "ship", "song",
)  # fmt: skip

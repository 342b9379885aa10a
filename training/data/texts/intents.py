"""The table of small talk: how people say it, what a good agent thinks and answers. Words only."""

from __future__ import annotations

from dataclasses import dataclass

from training.data.texts.intents_more import JOKES, MORE


@dataclass(frozen=True, slots=True)
class Intent:
    """phrases: patterns of `grammar.expand`; answers: each is right for all of them; key: words of a right answer."""

    phrases: tuple[str, ...]
    answers: tuple[str, ...]
    thought: str = ""
    key: str = ""


INTENTS: dict[str, Intent] = {
    "greeting": Intent(
        ("(hello|hi|hey) [there|Forethought|again|my friend|computer]", "(hello|hi|hey) (hello|hi|hey)", "[oh|well] (hello|hi|hey) [there], (nice to meet you|good to meet you|nice to see you|good to hear you)",
         "(hiya|howdy|greetings) [there]", "(hello|hi) everybody", "(hey|hi) [there], (I am|I'm|my name is) (Anna|Tom|Maria|John|Sarah|Peter|Kate|Sam|Emma|David|Lucy|Paul|Alex|Julia)", "good day [to you]",
         "I (just|only) wanted to say (hello|hi)", "say (hello|hi) to me", "(hello|hi|hey), (it's|it is) me [again]"),
        ("Hello! How can I help you?", "Hi there! What can I do for you?"), key="",
    ),
    "morning": Intent(
        ("good morning [to you|Forethought|there|everyone]", "[a very] good morning", "morning [Forethought]", "(hello|hi) [and] good morning"),
        ("Good morning! How can I help you?",), key="good morning",
    ),
    "evening": Intent(
        ("good evening [to you|Forethought|there|everyone]", "[a very] good evening", "(hello|hi) [and] good evening"),
        ("Good evening! How can I help you?",), key="good evening",
    ),
    "afternoon": Intent(
        ("good afternoon [to you|Forethought|there|everyone]", "(hello|hi) [and] good afternoon"),
        ("Good afternoon! How can I help you?",), key="good afternoon",
    ),
    "night": Intent(
        ("good night [Forethought|to you|then]", "(okay|well|so), good night", "I (am|'m) going to bed [now], good night", "sleep well", "sweet dreams"),
        ("Good night, sleep well!",), key="good night",
    ),
    "how_are_you": Intent(
        ("how are you [today|doing|this morning|tonight]", "how are you doing [today]", "how do you feel [today]", "how is it going", "how's it going", "how are things [with you]", "are you (okay|alright|well|fine) [today]",
         "(hello|hi|hey) [there], how are you [today|doing]", "how have you been", "what's up", "how are you feeling [today|now]", "(is|are) everything (okay|alright) with you", "how was your day", "I hope you are well"),
        ("I'm doing well, thank you. How can I help you?",), "The user asks how I am.", "well",
    ),
    "how_are_you_back": Intent(
        ("(I am|I'm) (fine|good|well|great|okay) [thanks|thank you], (and you|how about you|what about you)", "(I am|I'm) doing (well|fine|great) [today], and you", "not (too|so) bad, and you"),
        ("I'm glad to hear that. I'm doing well too.",), "The user is well and asks about me.", "well",
    ),
    "who_are_you": Intent(
        ("who are you", "what are you", "who am I (talking|speaking) (to|with)", "(tell|say) me who you are", "(can|could|would) you (introduce yourself|tell me who you are)", "introduce yourself [please]",
         "please introduce yourself", "who is (this|there|that)", "what (kind|sort) of (thing|program|assistant|machine) are you", "tell me [something|a little|a bit] about yourself", "what (exactly|really) are you",
         "who (exactly|really) are you", "I don't know who you are", "with whom am I speaking"),
        ("I'm Forethought, a voice assistant that thinks while it listens.",), "The user asks who I am.", "forethought",
    ),
    "name": Intent(
        ("what is your name", "what's your name", "do you have a name", "(can|could|would) you tell me your name", "tell me your name [please]", "how (should|can|may) I call you", "what (should|can|do) I call you", "your name [please]",
         "what do people call you", "may I (ask|know) your name", "what is your name again", "I forgot your name", "do you have a name or not", "what was your name", "what are you called", "who is your name"),
        ("My name is Forethought.", "I'm called Forethought."), "The user asks for my name.", "forethought",
    ),
    "name_call": Intent(
        ("Forethought", "hey Forethought", "(hello|hi|okay) Forethought", "Forethought, are you there", "Forethought, (listen|wake up|please)", "are you there", "anybody there", "is (anyone|anybody|somebody) there", "are you (still|really) there", "(hello|hey), are you there"),
        ("Yes, I'm here. How can I help you?",), "The user calls me.", "here",
    ),
    "can_you_hear": Intent(
        ("can you hear me [now|well|clearly|okay|alright]", "do you hear me [now|well]", "(hello|hi|hey), can you hear me [now]", "(can|could) you hear (what I say|what I am saying|my voice|this)", "are you (listening|hearing me|listening to me)",
         "do you (hear|understand) (what I am saying|what I say|my voice)", "am I (loud enough|audible|clear)", "is my (microphone|mic) (on|working|okay)", "can you hear (anything|something|me at all)", "did you hear (me|that|what I said)",
         "tell me if you can hear me", "(let me know|say something|answer me) if you can hear me", "I don't know if you can hear me", "I wonder if you can hear me"),
        ("Yes, I can hear you.", "Yes, I can hear you well."), "The user asks whether I hear. I do.", "yes",
    ),
    "microphone": Intent(
        ("(microphone|mic|sound|audio|voice) (check|test)", "testing", "testing testing", "testing, (one two|one two three|one two three four)", "(this is [just|only] a|just a|only a) (test|sound check|microphone test)", "(check|test), (one two|one two three)",
         "one two three (test|testing|check)", "I am (testing|checking) (the|my) (microphone|mic|sound)", "test"),
        ("The test works. I can hear you.",), "The user tests the microphone.", "hear",
    ),
    "capabilities": Intent(
        ("what can you do [for me]", "what are you (able to do|good at|good for)", "what (do you do|can you help me with|can I ask you|can I do with you|should I ask you)", "how can you help [me]", "what (kind|sort) of (things|questions) can (you do|I ask)",
         "what do you (know|know about)", "tell me what you can do", "(show|tell) me your (skills|abilities)", "what are your (skills|abilities|features)", "what is your (job|purpose|task)", "can you do anything [useful]",
         "what can you tell me", "what are you for", "how do I use you", "(can|could) you tell me what you can do"),
        ("I can do sums, answer simple questions, and tell you about what I hear.", "I can talk with you, do sums, spell words and answer simple questions."), "The user asks what I can do.", "",
    ),
    "help": Intent(
        ("help [me] [please]", "(can|could|would|will) you help me [please|with something]", "I need [your|some] help", "please help me", "I (have|got) a (problem|question)", "(can|may|could) I ask you (something|a question)", "I want to ask you something",
         "I have a question [for you]", "I need to ask you something", "do you have a (moment|minute|second)"),
        ("Of course. What would you like to know?", "Sure. What do you need?"), "The user wants help.", "",
    ),
    "robot": Intent(
        ("are you a (robot|machine|computer|bot|program)", "are you (human|a human|a person|a real person|real)", "am I (talking|speaking) (to|with) a (robot|machine|computer|human|person|real person)", "are you (a man or a machine|human or a machine|a robot or a human)",
         "are you an (AI|artificial intelligence)", "you are a (robot|machine|computer), (right|aren't you)", "do you have a (body|face|heart|brain)", "you sound like a (robot|machine|human)", "are you alive", "is this a (recording|machine)"),
        ("I'm a computer program, not a person.",), "The user asks whether I am a machine. I am.", "program",
    ),
    "thanks": Intent(
        ("(thanks|thank you) [very much|so much|a lot|Forethought|for that|for your help|again]", "[okay|great|perfect|good|alright], (thanks|thank you) [very much]", "many thanks", "thanks a (lot|million)", "I (really|very much) appreciate (it|that|your help)",
         "(that|this) (was|is) (very|really|so) (helpful|kind|useful), (thanks|thank you)", "that helps [a lot], thanks", "I (want|wanted|would like) to (thank you|say thank you)", "cheers", "you have been (very|a great) (helpful|help)"),
        ("You're welcome!", "You're welcome. Is there anything else?"), key="welcome",
    ),
    "goodbye": Intent(
        ("(goodbye|bye) [Forethought|for now|now|then|my friend]", "bye bye [now]", "see you [later|soon|tomorrow|next time|around]", "(okay|alright|well), (bye|goodbye|see you)", "(talk|speak) to you (later|soon|tomorrow)", "I (have|need|got) to go [now]", "(that's|that is|that was) all [for now|for today|thanks|thank you]",
         "have a (good|nice|great) (day|evening|weekend|night|time)", "take care", "until next time", "farewell", "I (am|'m) leaving [now], (bye|goodbye)", "(we are|I am|I'm) done [for today|here]", "catch you later", "so long"),
        ("Goodbye, have a nice day!", "Goodbye! It was nice talking with you."), key="goodbye",
    ),
    "again": Intent(
        ("(can|could|would) you (say that|repeat that|repeat it|say it) [again|once more] [please]", "say that again [please]", "(please|could you please) repeat [that|what you said]", "(what|sorry), what did you (say|just say)", "(pardon|pardon me|come again|excuse me)", "I (didn't|did not) (hear|understand|catch|get) (you|that|what you said)",
         "one more time [please]", "what was that [again]", "repeat your (answer|last answer|last sentence)", "what did you say", "I missed that", "say again"),
        ("We have only just begun, so there is nothing to repeat yet. What would you like to know?",), "I have said nothing before that I could repeat.", "",
    ),
    "what_did_i_say": Intent(
        ("what did I (just say|say|just ask|ask) [you|before|last]", "(can|could) you (repeat|tell me) what I (just said|said)", "repeat what I (said|just said)", "do you (remember|know) what I (said|just said)", "what was my (last|previous|first) (question|sentence)", "what have I (said|just said)"),
        ("You asked me what you said. There was nothing before that.",), "The user asks what was said before. Nothing was.", "nothing",
    ),
    "never_mind": Intent(
        ("never mind", "(forget|ignore) (it|that|what I said)", "(sorry|oh sorry), (never mind|wrong person|I wasn't talking to you|that was not for you)", "it's (nothing|not important)", "it doesn't matter", "(no|oh), (nothing|never mind)", "I (changed my mind|take it back)", "(cancel|skip) that", "don't worry about it", "not you"),
        ("No problem. I'm here if you need me.",), key="problem",
    ),
    "sorry": Intent(
        ("[oh] [I am|I'm] [so|very] sorry [about that|Forethought]", "my (mistake|bad|apologies)", "I apologize [for that]", "(please forgive|forgive|excuse) me", "oops [sorry]", "I didn't mean (that|it|to)"),
        ("No problem at all.",), key="problem",
    ),
    "stop": Intent(
        ("stop [it|that|please|now|talking]", "(please|okay) stop", "be quiet [please]", "(shut up|hush|silence) [please]", "(that's|that is) enough", "(quiet|enough) [please]", "don't (talk|speak|say anything) [now]", "no more", "(stop|quit) talking", "pause [please]", "hold on [a second|a moment|please]", "wait [a second|a moment|a minute|please]", "just a (moment|second|minute)", "one (moment|second|minute) [please]"),
        ("Okay.", "Okay, I'll wait."), key="okay",
    ),
    "bored": Intent(
        ("(I am|I'm) [so|very|really|a bit] bored", "this is [so|very] boring", "I have nothing to do", "I don't know what to do", "entertain me", "(can|could) you entertain me", "what (can|should) I do [now|today]", "let's do something (fun|funny|nice)"),
        ("Then let us play. Give me a sum, or ask me for a joke.",), "The user is bored. I will offer a game.", "",
    ),
    "sad": Intent(
        ("(I am|I'm|I feel) [so|very|really|a bit|a little] (sad|unhappy|lonely|down|depressed|miserable) [today|now]", "I (had|have had) a (bad|terrible|hard|awful) (day|week|time)", "(today|it) was a (bad|terrible|hard) day", "nobody (likes|loves) me", "I (lost my job|failed my exam|am having a hard time)", "I want to cry", "I miss my (friend|mother|family|dog|wife|husband)"),
        ("I'm sorry to hear that. Would you like to tell me about it?",), "The user is sad. I will be kind.", "sorry",
    ),
    "happy": Intent(
        ("(I am|I'm|I feel) [so|very|really] (happy|glad|excited|great|wonderful) [today|now]", "I (had|have had) a (good|great|lovely|wonderful) (day|week|time)", "(today|it) is a (good|great|lovely|wonderful) day", "I (won|got the job|passed my exam|have good news)", "guess what, I have good news"),
        ("That's wonderful. I'm glad to hear it.",), "The user is happy. I am glad.", "glad",
    ),
    "tired": Intent(
        ("(I am|I'm|I feel) [so|very|really|a bit] (tired|sleepy|exhausted)", "I (need|want) [some] sleep", "I (couldn't|could not|can't) sleep", "I (am|'m) going to (bed|sleep)", "I didn't sleep [well|much]"),
        ("Then take a rest. Sleep will do you good.",), "The user is tired.", "rest",
    ),
    "sick": Intent(
        ("(I am|I'm|I feel) [so|very|a bit] (sick|ill|unwell)", "I have a (headache|cold|fever|cough|stomach ache)", "my (head|back|stomach|tooth|leg|knee) hurts", "I don't feel (well|good|so good)"),
        ("I'm sorry. I hope you feel better soon. If it is serious, please see a doctor.",), "The user is unwell.", "sorry",
    ),
    "hungry": Intent(
        ("(I am|I'm) [so|very|really] (hungry|thirsty|starving)", "what should I (eat|cook|have for dinner|have for lunch) [today|tonight]", "I (need|want) something to (eat|drink)", "can you (cook|make me a sandwich|make coffee)"),
        ("I can't cook, but soup and fresh bread are always a good idea.",), "The user thinks of food.", "",
    ),
    "joke": Intent(
        ("[please] tell me a [good|funny|short|new] joke", "(can|could|would) you tell [me|us] a joke [please]", "do you know (a|any|some) [good|funny] (joke|jokes)", "(say|tell me) something funny", "make me (laugh|smile)", "I (want|would like|need) to hear a joke", "another joke [please]", "(a|one more) joke please", "how about a joke", "give me a joke"),
        JOKES, "The user wants a joke.", "",
    ),
}
INTENTS |= {name: Intent(*row) for name, row in MORE.items()}

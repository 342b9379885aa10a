"""Patterns of everyday talk, commands and questions for transcription. Words only.

`grammar.expand` opens them; NAME, TIME, DATE, AMOUNT and THING are then filled in.
"""

from __future__ import annotations

PATTERNS: tuple[str, ...] = (
    "(can|could|would) you (please|) (open|close|clean|move|bring me|show me|fix|find|sell) the THING", "(I|we) (need|want|bought|lost|found|sold|forgot) (a|the|another) THING [yesterday|last week|this morning]",
    "(he|she|NAME) (told|asked|promised) me that (he|she|they) would (come|call|help|wait|pay|leave) [at TIME|on DATE|tomorrow]", "where did you (put|leave|buy|find|see) the THING [NAME]",
    "I (can't|cannot|could not) (find|see|hear|open|remember|reach|afford) (it|the THING|my THING|that)", "(let's|we should|we could|they want to) (meet|leave|eat|start|talk) (at TIME|on DATE|tomorrow morning|after lunch|next week)",
    "(what|when|where|why|how) (do|did|will|would) (you|they|we) (go|eat|work|pay|travel|sleep|wait|begin) [there|here|today|tomorrow]", "(my|your|his|her|our) (mother|father|sister|brother|uncle|aunt|boss|neighbor|doctor|teacher) (likes|hates|wants|sells|needs|lost) (his|her|the|a) THING",
    "the (weather|food|music|movie|game|hotel|meeting|traffic) (was|is) (very|really|so|not so|too) (good|bad|long|short|expensive|nice|boring|loud|strange) [yesterday|today|again]",
    "(it|that) (costs|cost|is worth) AMOUNT", "(I|we) (waited|walked|drove|slept|worked|talked) for AMOUNT", "(please|) (call|tell|ask|remind|write to|meet) NAME (at TIME|on DATE|about the THING|before TIME)",
    "(sorry|excuse me), (is this|where is|how far is) the (station|airport|hospital|bank|post office|library|museum|supermarket|bus stop)", "(turn|go) (left|right|straight on) at the (bridge|church|corner|traffic lights|bank|next street)",
    "I would like (a cup of tea|some bread|two tickets|a table for two|the bill|a glass of water|the soup|a room for the night) [please]", "(do|did) you (like|see|hear|read|know|remember|believe) (NAME|the THING|that story|what he said|the new movie)",
    "(NAME|she|he) (works|lives|studies|plays) (in|at|near) the (city|school|hospital|office|village|park|university|factory)", "I (think|believe|hope|know|guess|am afraid) (that|) (it will rain|he is right|she is late|we are lost|you are wrong|they won|nobody is home|it is broken)",
    "(if|when|because) (it rains|you have time|he comes home|I am tired|she calls|the shop is closed), (we stay here|I will tell you|they go to bed|you can rest|nobody is surprised)",
    "(there|here) (is|was) (a|an old|a small|no|only one) THING (on the table|in the garden|under the bed|behind the door|next to the window|in the kitchen)", "(have|had) you (ever|already|just|never) (seen|eaten|bought|heard of|played with|driven|lost) a THING",
    "(the|that|this) THING (is|was|looks|seems) (old|new|broken|cheap|heavy|beautiful|dirty|too small|too expensive|ready|mine|yours|his)", "(nobody|everybody|somebody|the police|a stranger|the children) (came|left|laughed|waited|knew|saw it|asked why|ran away|fell asleep)",
    "we (used to|will|might|must|have to|are going to) (travel|move|study|paint|cook|practice|celebrate|wait|talk about it) [together|tomorrow|in the summer|every day|with NAME]",
    "(first|then|after that|finally|suddenly|later) (he|she|they|we|I) (opened|closed|took|dropped|broke|counted|washed|painted) the THING", "(don't|never|please don't|you must not) (touch|open|forget|lose|eat|sell|move|drop) (it|the THING|my THING|that THING)",
    "what a (lovely|strange|terrible|long|short|beautiful|cold|warm) (day|idea|story|evening|house|song|dress|trip)", "(it's|it is) (time|too late|too early|your turn|not easy|hard|good) to (go|start|stop|learn|say goodbye|change|understand)",
    "(the|a) (train|bus|plane|boat) (to|from) the (coast|city|mountains|north|south|island) (leaves|arrives|left|was late) [at TIME|on DATE|today]", "she (said|thought|wrote|whispered|answered|shouted), (I am not ready|come here|wait for me|that is enough|leave me alone|we did it)",
    "(how much|how many|how long|how far|how old|how often) (is it|does it take|do you need|are there|was it|do you go there)", "(I'm|we're|they're|he's|she's) (looking for|waiting for|talking about|thinking of|afraid of|tired of|proud of) (NAME|the THING|you|a new job|the weather|it)",
    "(you|we|they) (should|shouldn't|could|couldn't|can't|won't|wouldn't) (worry|complain|stay|sleep|argue|smoke|drink THING|buy another THING) [so much|tonight|anymore|at all]",
    "(the|my) (phone|computer|car|radio|washing machine|heater|clock|printer) (doesn't work|is broken|makes a noise|stopped|needs a battery) [again|since DATE]", "(well|so|anyway|listen|look|you know|I mean), (that's it|I don't mind|it depends|we'll see|it was fun|I forgot|never mind)",
    "NAME (is|was) born on DATE", "(good luck|congratulations|happy birthday|welcome|thank you), NAME", "(send|give|lend|show|sell) (me|him|her|us|them) the (letter|money|key|THING|book|photo|map)", "I have (to|got to) (buy|clean|return|repair|wash) the THING (before TIME|by DATE|today|first)",
    "(between|before|after|until|since) (TIME|DATE) (nobody|everyone|he|she) (was|is) (here|there|asleep|away|at home|busy)", "(one|two|three|four) (more|small|big|old|new) (boxes|letters|windows|rooms|horses|books|friends|days|questions)",
)  # fmt: skip

"""First names, family names and streets. Words only."""

from __future__ import annotations

FIRST = tuple(
    "James Mary John Patricia Robert Jennifer Michael Linda William Elizabeth David Barbara Richard Susan Joseph Jessica Thomas Sarah Charles Karen Daniel Nancy"
    " Matthew Lisa Anthony Betty Mark Margaret Donald Sandra Steven Ashley Paul Kimberly Andrew Emily Joshua Donna Kenneth Michelle Kevin Carol Brian Amanda George"
    " Dorothy Edward Melissa Ronald Deborah Timothy Stephanie Jason Rebecca Jeffrey Sharon Ryan Laura Jacob Cynthia Gary Kathleen Nicholas Amy Eric Angela Jonathan"
    " Shirley Stephen Anna Larry Brenda Justin Pamela Scott Emma Brandon Nicole Benjamin Helen Samuel Samantha Gregory Katherine Frank Christine Alexander Debra"
    " Raymond Rachel Patrick Carolyn Jack Janet Dennis Catherine Jerry Maria Tyler Heather Aaron Diane Jose Ruth Adam Julie Henry Olivia Nathan Joyce Douglas Virginia"
    " Zachary Victoria Peter Kelly Kyle Lauren Walter Christina Ethan Joan Jeremy Evelyn Harold Judith Keith Megan Christian Andrea Roger Cheryl Noah Hannah Gerald"
    " Jacqueline Carl Martha Terry Gloria Sean Teresa Austin Ann Arthur Sara Lawrence Madison Jesse Frances Dylan Kathryn Bryan Janice Joe Jean Jordan Abigail Billy"
    " Alice Bruce Julia Albert Judy Willie Sophia Gabriel Grace Logan Denise Alan Amber Juan Doris Wayne Marilyn Roy Danielle Ralph Beverly Randy Isabella Eugene"
    " Theresa Vincent Diana Russell Natalie Louis Brittany Bobby Charlotte Philip Marie Johnny Kayla Bradley Alexis Ahmed Fatima Wei Priya Carlos Lucia Hans Ingrid"
    " Pierre Amelie Yuki Kenji Olga Ivan Ali Layla Rosa Diego Nina Felix Oscar Clara Leo Mia Max Zoe Hugo Ella Liam Ruby Finn Ivy Theo Molly".split()
)
LAST = tuple(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez"
    " Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Hill Green Adams Nelson Baker Hall Rivera Campbell Mitchell"
    " Carter Roberts Phillips Evans Turner Parker Collins Edwards Stewart Morris Murphy Cook Rogers Morgan Cooper Peterson Reed Bailey Bell Kelly Howard Ward Cox"
    " Richardson Wood Watson Brooks Bennett Gray James Hughes Price Myers Long Foster Ross Powell Sullivan Russell Fisher Barnes Henderson Jenkins Perry Butler Simmons"
    " Patterson Jordan Reynolds Hamilton Graham Wallace West Cole Hayes Bryant Gibson Ellis Stevens Murray Ford Marshall Owens McDonald Harrison Kennedy Wells Webb"
    " Simpson Tucker Porter Hunter Hicks Crawford Boyd Mason Warren Dixon Burns Gordon Shaw Holmes Rice Robertson Hunt Black Palmer Stone Dunn Perkins Hudson Weber".split()
)
STREETS = tuple(
    "Main Oak Maple Park Church High Mill Station King Queen Garden River Lake Hill Bridge Market Victoria Green North South West East Spring Washington Lincoln"
    " Cedar Elm Pine Forest Meadow Castle London Albert George Manor School Windsor Chestnut Walnut Sunset Harbor Center Broad Franklin Jefferson".split()
)

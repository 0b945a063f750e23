"""Short and familiar forms of first names: two names of one group may be one person.

The groups are the usual ones of English, German, French, Spanish, Italian, Polish and Russian. A
name may be in several groups. Accents and case are folded as `identity.differences` does.
"""

from __future__ import annotations

_GROUPS = """
alexander alex sascha sasha sandro alessandro alejandro alexandre aleksander aleksandr xander
alexandra alex sandra sascha sasha alessandra alejandra ola
alfred fred freddy alfie alf
andreas andrew andy andi drew andre andrea andrzej andrei andrey
angela angie geli angelika
anna anne ann annie anja anita hannah hanna ana ania anka anya nina anneliese annika
anthony tony toni anton antonio antoine antek
antonia toni tonia
arthur art artie
barbara barb barbie babsi basia bobbie
benjamin ben benny benji
bernhard bernard bernd bernie
brigitte gitte gitti birgit biggi
catherine katherine katharina kathrin katrin kate katie kathy cathy kat kathi kitty trina katarina
  katarzyna kasia catarina caterina ekaterina katya katja karin
charles charlie chuck karl carl carlos carlo karol chas
charlotte lotte lottie charlie
christian chris krystian cristian
christina christine chris tina christel kirsten krystyna cristina kristina
christoph christopher chris kit topher cristobal krzysztof krzys
cornelia conny nelly
daniel dan danny dani daniele
daniela danielle dani
david dave davey dawid davide
deborah deb debbie debra
dominik dominic nik dom
dorothea dorothy dot dottie dora thea
edward ed eddie ted teddy ned eduard eduardo edek
eleanor ellie nell nora leonore lena
elisabeth elizabeth liz lizzy beth betty lisa elsa ella eliza sissi lili ilse elise bettina libby
  isabel isabella elzbieta ela
emanuel emmanuel manuel manny
ernst ernest ernie ernesto
eva eve evi ewa
ferdinand ferdi fernando
florian flo
francis frank francois franz francisco paco pancho francesco franco franciszek fran
frances franziska fran frannie franzi francoise francesca franca
frederick friedrich fred fritz freddy federico frederic fryderyk
gabriele gabriela gabrielle gabi gaby gabriella
gerald gerhard gerd gerry
george georg jorge giorgio georges jerzy jurek georgie yuri juri
gertrude trude trudi gerti
gregory greg grzegorz gregor gregorio
guillermo william willi will bill billy willy wilhelm liam guillaume guglielmo willem
gustav gus gustavo
harold harry hal harald
heinrich henry harry heinz heiner hank henri enrique enrico henryk
helen helena helene elena ellen leni nell lena jelena yelena
hubert bert hubi
ignaz ignatius nacho ignacio
irene irina ira rena
jacob jakob jack jake jacques jacobo giacomo kuba james jim jimmy jamie
jennifer jenny jen jenna
jessica jess jessie
johann johannes john hans jan johnny jack juan giovanni gianni jean ivan hannes iwan jasiek
johanna joan jane hanna janet juana giovanna jeanne joanna asia
jonathan jon john jonny nathan
joseph josef joe joey sepp jose pepe giuseppe beppe jozef pino pepi jupp
josephine josefine josie fini josefa pepa
joshua josh
judith judy
julia juliane julie jule giulia
julian julien jules giuliano
katharine kay
kenneth ken kenny
klaus nikolaus nicholas nick nico niklas nicolas nicola mikolaj kolja nikolai claus
konrad conrad kurt
kristin kirsten kris
laurence lawrence larry lorenz lars lorenzo laurent wawrzyniec
leonard leonhard leo len lenny leonardo
leopold leo poldi
ludwig louis lewis luis lou lutz luigi ludwik
magdalena magda lena madeleine leni maddie
manfred fred manni
margaret margarete margarethe grete gretel greta maggie meg peggy marge rita gitta margot
  marguerite margherita malgorzata gosia margarita
maria mary marie mia mimi molly polly miriam maja mitzi marija masha mariya
mark marcus markus marc marco marek
martha marta patty
martin marty marcin martino
martina tina
matthew matthias matt matze mateo matteo mateusz mathieu mathias
maximilian max maxim massimiliano
melanie mel melli
michael mike mick mickey micha michi miguel michele michel michal mikhail mischa misha
michaela michelle micky ela
monika monica moni
natalie natalia nat natasha tasha nata
nathaniel nat nate
olga olya
oliver ollie oli olivier
pamela pam
patricia pat patty trish tricia
patrick pat paddy rick patryk
paul pablo paolo pawel pavel
peter pete pit pedro pietro pierre piotr pyotr petja
philipp philip phil pip felipe filippo filip philippe
rachel rae
raimund raymond ray ramon raimondo
rebecca becky becca
regina gina
richard rick dick rich richie ricky ricardo riccardo ryszard
robert rob bob bobby robbie bert roberto
roger rudiger
roland rolf rollo orlando
ronald ron ronnie
rosa rose rosie rosalia
rudolf rudolph rudi rolf rodolfo
rupert robert
samuel sam sammy
samantha sam sammie
sebastian seb bastian basti sebastien sebastiano
sigmund siggi siegfried
simon simone szymon
sophia sophie sofia zosia zofia
stefan stephan stephen steven steve steffen stefano esteban etienne stephane szczepan
stefanie stephanie steffi steph stefania
susanne susan sue susie suzanne sanne susi susana zuzanna
teresa theresa therese tess terry resi theresia
theodor theodore ted theo teddy fjodor fyodor
thomas tom tommy tomas tommaso tomasz tomek
timothy tim timmy timotheus
ulrich uli
ulrike uli rike
ursula uschi ulla
valentin valentine val tino
veronika veronica vroni vera ronnie
victor viktor vic vittorio wiktor
victoria viktoria vicky vici tori wiktoria
vincent vince vinzenz vincenzo vicente
vladimir wladimir volodya vova wlodzimierz
walter walt wally gualtiero
wilhelmina wilma minna helma mina
wolfgang wolf wolfi
yevgeny evgeny eugen eugene gene zhenya eugenio eugeniusz
"""


def _groups_of_names() -> dict[str, set[int]]:
    """A line that starts with spaces continues the group of the line before it."""
    found: dict[str, set[int]] = {}
    for at, group in enumerate(_GROUPS.replace("\n  ", " ").strip().splitlines()):
        for name in group.split():
            found.setdefault(name, set()).add(at)
    return found


_OF_NAME = _groups_of_names()
_NONE: frozenset[int] = frozenset()


def is_nickname(one: str, other: str) -> bool:
    """Whether two folded first names have a group in common."""
    return not _OF_NAME.get(one, _NONE).isdisjoint(_OF_NAME.get(other, _NONE))

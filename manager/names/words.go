package names

import "strings"

// adjectives are such as one would like to be given.
var adjectives = strings.Fields(`
able agile airy amber ample apt astute autumn azure balmy bold brave breezy
bright brisk calm candid cheerful civil clear clever cosmic cosy crisp curious
dapper daring deft eager early earnest easy elegant fair fearless festive
fleet fluent fond frank fresh gentle glad golden graceful grand happy hardy
hearty honest humble ideal jolly jovial keen kind lively loyal lucid lucky
lunar mellow merry mighty mild modest neat nimble noble patient peppy plucky
polite prime proud quick quiet radiant rapid ready robust rosy sage serene
sharp silent sincere sleek smart snug solar solid spry steady stellar stoic
sturdy sunny swift tidy tranquil upbeat valiant vivid warm wise witty zesty
`)

// surnames are of people of computing and science.
var surnames = strings.Fields(`
abel adleman agnesi aho aiken alhazen allen amdahl ampere anning archimedes
aryabhata atanasoff avogadro babbage backus bardeen bartik becquerel bell
bernerslee bernoulli blackwell blum bohr boltzmann boole borg bose brahe
brattain brooks bush cannon cantor carson cauchy cavendish cerf chandrasekhar
chomsky church clarke codd cook copernicus coulomb cray curie dahl dalton
darwin davies dennis descartes diffie dijkstra dirac dolciani easley eckert
edison einstein elgamal elion engelbart erdos estrin euclid euler fano faraday
feinler fermat fermi feynman fibonacci floyd fourier franklin galileo galois
gauss germain gilbreth goedel goldberg goldstine goldwasser goodall gosling
gray hamilton hamming hawking heaviside heisenberg hellman herschel hertz
hilbert hoare hodgkin hollerith hooke hopper huffman huygens hypatia ingalls
iverson jacquard jennings johnson joule kahan kahn karnaugh karp kay keller
kelvin kepler kernighan khwarizmi kilby kirchhoff kleene knuth kolmogorov
kovalevskaya lagrange lamarr lamport landau laplace lavoisier leavitt lederman
leibniz lichterman linnaeus liskov lovelace lynch markov matiyasevich mauchly
maxwell mccarthy mcclintock mcilroy mcnulty meitner mendel mendeleev micali
milner minsky mirzakhani moore morse napier nash naur newell newton noether
nygaard ohm oppenheimer papert pascal pasteur pauling pearl perlis perlman
planck poincare postel rabin raman ramanujan rejewski riemann ritchie rivest
rubin russell rutherford salk sammet shamir shannon shaw shockley shor simon
sinoussi snow spence stallman steele stroustrup sutherland tarjan tesla
thacker thales thompson torvalds turing ulam valiant vaughan venn volta
vonneumann wiles wilkes wilkinson wing wirth wozniak wu yalow yao yonath zuse
`)

package terminal

// EscapeByte is Ctrl-a, the key that begins a command to hull itself.
const EscapeByte = 0x01

// Command is what a person asked of hull by the escape key.
type Command int

// The commands, each typed as Ctrl-a and the letter beside it.
const (
	Leave       Command = iota + 1 // x: end the machine and leave
	PowerButton                    // p: press the machine's power button
	Help                           // h or ?: list the commands
)

var commandKeys = map[byte]Command{
	'x': Leave,
	'X': Leave,
	'p': PowerButton,
	'h': Help,
	'?': Help,
}

// HelpText is what Help shows. Lines end as a raw terminal wants them.
const HelpText = "\r\n" +
	"Ctrl-a x       end the machine and leave\r\n" +
	"Ctrl-a p       press the machine's power button\r\n" +
	"Ctrl-a Ctrl-a  send Ctrl-a to the guest\r\n" +
	"Ctrl-a h       this help\r\n"

// Escape splits typed bytes into those for the guest and commands for hull. The
// escape key and its letter may come in different reads.
type Escape struct {
	pending bool
}

// Filter appends to guest the bytes of typed that are for the guest, and returns
// it with the first command that typed holds, or 0, and the bytes behind that
// command. An unknown letter goes to the guest with its escape key.
func (e *Escape) Filter(guest, typed []byte) ([]byte, Command, []byte) {
	for i, b := range typed {
		switch {
		case !e.pending && b == EscapeByte:
			e.pending = true
		case !e.pending:
			guest = append(guest, b)
		case b == EscapeByte:
			e.pending = false
			guest = append(guest, EscapeByte)
		default:
			e.pending = false
			if c, ok := commandKeys[b]; ok {
				return guest, c, typed[i+1:]
			}
			guest = append(guest, EscapeByte, b)
		}
	}
	return guest, 0, nil
}

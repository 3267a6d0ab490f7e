package figures

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Order is what the guest is to measure. It travels on the kernel's command
// line.
type Order struct {
	IDs     []string
	Time    time.Duration // of each figure that takes a time; whole seconds
	Packets int           // of an Echo figure
}

const (
	wordIDs     = "bench.figures="
	wordSeconds = "bench.seconds="
	wordPackets = "bench.packets="
)

// Cmdline is the order in words for the kernel's command line.
func (o Order) Cmdline() string {
	return fmt.Sprintf("%s%s %s%d %s%d", wordIDs, strings.Join(o.IDs, ","),
		wordSeconds, int(o.Time.Seconds()), wordPackets, o.Packets)
}

// ParseOrder finds an order on a kernel's command line.
func ParseOrder(cmdline string) (Order, error) {
	var o Order
	for _, word := range strings.Fields(cmdline) {
		var err error
		switch {
		case strings.HasPrefix(word, wordIDs):
			if ids := word[len(wordIDs):]; ids != "" {
				o.IDs = strings.Split(ids, ",")
			}
		case strings.HasPrefix(word, wordSeconds):
			var n int
			n, err = strconv.Atoi(word[len(wordSeconds):])
			o.Time = time.Duration(n) * time.Second
		case strings.HasPrefix(word, wordPackets):
			o.Packets, err = strconv.Atoi(word[len(wordPackets):])
		}
		if err != nil {
			return Order{}, fmt.Errorf("command line: %q: %w", word, err)
		}
	}
	for _, id := range o.IDs {
		if _, ok := ByID(id); !ok {
			return Order{}, fmt.Errorf("command line: figure %q: there is none", id)
		}
	}
	if o.Time <= 0 || o.Packets <= 0 {
		return Order{}, fmt.Errorf("command line: no time or no packets in %q", cmdline)
	}
	return o, nil
}

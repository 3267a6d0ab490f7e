package lab

import (
	"fmt"
	"strings"
	"testing"
)

func TestHostsKeepTheirNumbers(t *testing.T) {
	n := make(numbers)
	n.take("x", 1, "a")
	n.take("x", 3, "c")
	n.take("y", 2, "b")
	for _, test := range []struct {
		host, network string
		want          int
	}{{"a", "x", 1}, {"c", "x", 3}, {"b", "x", 2}, {"d", "x", 4}, {"b", "y", 2}, {"a", "y", 1}, {"e", "", 0}} {
		s := Spec{Name: test.host, Network: test.network, Number: 99}
		if err := n.number(&s); err != nil || s.Number != test.want {
			t.Errorf("%s on %q: number %d, %v, want %d", test.host, test.network, s.Number, err, test.want)
		}
	}
}

func TestAFullNetworkTakesNoMore(t *testing.T) {
	n := make(numbers)
	for i := 1; i <= maxNumber; i++ {
		n.take("x", i, fmt.Sprint("h", i))
	}
	s := Spec{Name: "one-more", Network: "x"}
	if err := n.number(&s); err == nil || !strings.Contains(err.Error(), "no address is left") {
		t.Errorf("error %v", err)
	}
}

func TestAHostKnowsTheOthersByName(t *testing.T) {
	got := string(hosts(map[int]string{2: "b", 1: "a"}, "127.0.1.1 machine\n"))
	want := "127.0.0.1\tlocalhost\n10.213.0.1\ta\n10.213.0.2\tb\n127.0.1.1 machine\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHostsOfANetworkHaveAddresses(t *testing.T) {
	l, spec := testLab(t, fakeGood)
	spec.Network = "x"
	var specs []Spec
	for _, name := range []string{"a", "b"} {
		s := spec
		s.Name = name
		specs = append(specs, s)
	}
	for i, r := range l.UpAll(t.Context(), specs) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if want := fmt.Sprintf("10.213.0.%d", i+1); r.Status.Address != want || r.Status.Network != "x" {
			t.Errorf("host %s has %q on %q, want %s", r.Status.Name, r.Status.Address, r.Status.Network, want)
		}
	}
	if _, out := run(t, l, "a", "echo up"); out != "up\n" {
		t.Errorf("a command in it: %q", out)
	}
	// It comes back with its address, and another takes the next.
	if err := l.Down(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	again := specs[0]
	if s := mustUp(t, l, again); s.Address != "10.213.0.1" {
		t.Errorf("a came back with %s", s.Address)
	}
	once, err := l.Throwaway(t.Context(), spec)
	if err != nil || once.Address != "10.213.0.3" {
		t.Errorf("a host for one command: %+v, %v", once, err)
	}
	other := specs[1]
	other.Network = "y"
	if _, _, err := l.Up(t.Context(), other); err == nil || !strings.Contains(err.Error(), `with network "x" and not "y"`) {
		t.Errorf("a running host on another network: %v", err)
	}
	other.Network = ""
	if _, fresh, err := l.Up(t.Context(), other); err != nil || fresh {
		t.Errorf("a running host, asked for without a network: fresh %v, %v", fresh, err)
	}
}

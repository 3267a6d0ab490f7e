package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/hullvm/hull/configs"
)

func TestSetFlagKeepsEveryValueInOrder(t *testing.T) {
	var sets []configs.Set
	flags := pflag.NewFlagSet("hull", pflag.ContinueOnError)
	flags.Var(newSetFlag(&sets), "set", "")
	err := flags.Parse([]string{"--set", "cpu.count=2", "--set=boot.cmdline=a=b,c d"})
	if err != nil {
		t.Fatal(err)
	}
	got := flags.Lookup("set").Value.String()
	if want := "cpu.count=2 boot.cmdline=a=b,c d"; len(sets) != 2 || got != want {
		t.Errorf("%d values: %q, want %q", len(sets), got, want)
	}
}

func TestSetFlagRefusesWhatIsNoPathAndValue(t *testing.T) {
	var sets []configs.Set
	flags := pflag.NewFlagSet("hull", pflag.ContinueOnError)
	flags.Var(newSetFlag(&sets), "set", "")
	err := flags.Parse([]string{"--set", "cpu.count"})
	if err == nil || !strings.Contains(err.Error(), "must be path=value") {
		t.Errorf("got %v", err)
	}
}

// Command inmate enters a monitor's jail and tries one thing there, in a thread that
// was there before and in one that was not. It says what holds it, and what became of
// the attempt, unless that ended it.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/monitor/jail"
)

func main() {
	namespaces := flag.String("namespaces", "", "")
	secret := flag.String("secret", "", "a file outside")
	victim := flag.Int("victim", 0, "a process outside")
	old := flag.Bool("old", false, "try in a thread that was there before")
	flag.Parse()
	before, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY, 0) // a descriptor that was left open
	if err != nil {
		fmt.Println(err)
	}
	t := trial{before: before, secret: *secret, victim: *victim}
	attempt := t.attempts()[flag.Arg(0)]
	if attempt == nil {
		fmt.Println("there is no such attempt")
		os.Exit(1)
	}
	begin, done := make(chan struct{}), make(chan struct{})
	try := func() {
		defer close(done)
		runtime.LockOSThread()
		<-begin
		if err := attempt(); err != nil {
			fmt.Println("refused:", err)
			return
		}
		fmt.Println("allowed")
	}
	if *old {
		go try()
	}
	c, err := jail.Enter(jail.Options{
		Namespaces: strings.FieldsFunc(*namespaces, func(r rune) bool { return r == ',' }), Files: 64,
	})
	fmt.Println(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	if !*old {
		go try()
	}
	close(begin)
	<-done
}

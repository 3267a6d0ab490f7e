package manager

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
)

// maxUserFile bounds what is read of a guest's passwd and group, in bytes each.
const maxUserFile = 1 << 20

// maxGroups is how many supplementary groups the agent takes.
const maxGroups = 1024

// findUser looks up who is meant by USER[:GROUP], names or numbers of the guest.
func findUser(ctx context.Context, client *agent.Client, spec string) (*agent.User, error) {
	passwd, err := readGuestFile(ctx, client, "/etc/passwd")
	if err != nil {
		return nil, err
	}
	group, err := readGuestFile(ctx, client, "/etc/group")
	if err != nil {
		return nil, err
	}
	return parseUser(spec, passwd, group)
}

// readGuestFile is a small file of the guest; one that is not there is empty.
func readGuestFile(ctx context.Context, client *agent.Client, path string) ([]byte, error) {
	archive := &capped{most: maxUserFile + 64<<10}
	err := client.Call(ctx, nil, archive, "get", path)
	var refused *agent.BuiltinError
	if errors.As(err, &refused) {
		return nil, nil // a guest of one program has no such file
	}
	if err != nil {
		return nil, err
	}
	r := tar.NewReader(&archive.Buffer)
	if _, err := r.Next(); err != nil {
		return nil, fmt.Errorf("guest's %s: %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(r, maxUserFile))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("guest's %s: %w", path, err)
	}
	return b, nil
}

// capped keeps the beginning of what is written to it.
type capped struct {
	bytes.Buffer
	most int // bytes
}

func (c *capped) Write(p []byte) (int, error) {
	if room := c.most - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// parseUser finds a user by the guest's own lists (passwd(5), group(5)). A number
// needs none.
func parseUser(spec string, passwd, group []byte) (*agent.User, error) {
	name, groupName, hasGroup := strings.Cut(spec, ":")
	u := &agent.User{}
	entry := find(passwd, name, 2)
	switch {
	case entry != nil:
		uid, err := number(entry, 2)
		if err != nil {
			return nil, err
		}
		gid, err := number(entry, 3)
		if err != nil {
			return nil, err
		}
		u.UID, u.GID = uid, gid
		u.Groups = groupsOf(group, entry[0])
	default:
		n, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			return nil, &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("user %q: the guest has none of that name (/etc/passwd): %w", name, fs.ErrNotExist)}
		}
		u.UID = uint32(n)
	}
	if !hasGroup {
		return u, nil
	}
	u.Groups = nil
	if entry := find(group, groupName, 2); entry != nil {
		gid, err := number(entry, 2)
		u.GID = gid
		return u, err
	}
	n, err := strconv.ParseUint(groupName, 10, 32)
	if err != nil {
		return nil, &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("group %q: the guest has none of that name (/etc/group): %w", groupName, fs.ErrNotExist)}
	}
	u.GID = uint32(n)
	return u, nil
}

// find is the entry of a name or, if none has it, of a number in field.
func find(file []byte, key string, field int) []string {
	var byNumber []string
	for s := bufio.NewScanner(bytes.NewReader(file)); s.Scan(); {
		f := strings.Split(s.Text(), ":")
		if len(f) <= field || key == "" {
			continue
		}
		if f[0] == key {
			return f
		}
		if byNumber == nil && f[field] == key {
			byNumber = f
		}
	}
	return byNumber
}

func number(entry []string, field int) (uint32, error) {
	if len(entry) > field {
		if n, err := strconv.ParseUint(entry[field], 10, 32); err == nil {
			return uint32(n), nil
		}
	}
	return 0, fmt.Errorf("guest's user or group %q: its entry has no number where one belongs", entry[0])
}

// groupsOf are the supplementary groups of a user.
func groupsOf(group []byte, name string) []uint32 {
	var ids []uint32
	for s := bufio.NewScanner(bytes.NewReader(group)); s.Scan() && len(ids) < maxGroups; {
		f := strings.Split(s.Text(), ":")
		if len(f) < 4 || !slices.Contains(strings.Split(f[3], ","), name) {
			continue
		}
		if n, err := number(f, 2); err == nil {
			ids = append(ids, n)
		}
	}
	return ids
}

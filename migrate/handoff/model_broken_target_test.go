package handoff

func targetBreaches() []breach {
	return []breach{
		{
			name: "the target runs the guest before it has written that",
			rule: errUnwritten, harm: errStale,
			with: afterTarget(func(before Target, t *Target, e Event, did []TargetAction) []TargetAction {
				if before.state != TargetPrepared || e != GotCommit {
					return did
				}
				t.state, t.writing = TargetStarting, 0
				return []TargetAction{{Do: RunGuest}}
			}),
		},
		{
			name: "the target says that it runs before it has written that",
			rule: errUnwritten, harm: errLost,
			with: afterTarget(func(before Target, t *Target, e Event, did []TargetAction) []TargetAction {
				if before.state == TargetPrepared && e == GotCommit {
					did = append(did, TargetAction{Do: SendRunning})
				}
				return did
			}),
		},
		{
			name: "the target runs the guest without commit when it hears no more",
			rule: errNoCommit, harm: errBothRun,
			with: afterTarget(func(before Target, t *Target, e Event, did []TargetAction) []TargetAction {
				if before.state != TargetPrepared || e != LinkLost {
					return did
				}
				t.state = TargetAccepting
				return []TargetAction{t.write(Running)}
			}),
		},
		{
			name: "the target forgets that it said aborted",
			rule: errAborted, harm: errBothRun,
			with: afterTarget(func(before Target, t *Target, e Event, did []TargetAction) []TargetAction {
				if before.state != TargetPrepared || e != Timeout {
					return did
				}
				*t = before
				return []TargetAction{{Do: SendFailed}}
			}),
		},
		{
			name: "the target says failed though running may be written",
			rule: errUnwritten, harm: errBothRun,
			with: afterTarget(func(before Target, t *Target, e Event, did []TargetAction) []TargetAction {
				if before.state != TargetAccepting || before.restored || e != WriteUnclear {
					return did
				}
				t.writing = 0
				return t.abort()
			}),
		},
		{
			name: "the target says failed though the guest may have run",
			rule: errStale, harm: errStale,
			with: afterTarget(func(before Target, t *Target, e Event, did []TargetAction) []TargetAction {
				if before.state != TargetStarting || e != StartFailed {
					return did
				}
				t.state = TargetUndoing
				return []TargetAction{t.write(Aborted)}
			}),
		},
		{
			name: "the target waits for commit for ever",
			rule: errNoWayOut, harm: errNoWayOut,
			with: afterTarget(func(before Target, t *Target, e Event, did []TargetAction) []TargetAction {
				if before.state == TargetPrepared && e == Timeout {
					*t = before
					return nil
				}
				return did
			}),
		},
		{
			name: "the target does not try to write again",
			rule: errNoWayOut, harm: errNoWayOut,
			with: afterTarget(func(before Target, t *Target, e Event, did []TargetAction) []TargetAction {
				if e == Retry {
					*t = before
					return nil
				}
				return did
			}),
		},
		{
			name: "a target believes what it finds written",
			rule: errUnwritten, harm: errBothRun,
			with: func(s *sides) {
				s.restoreTarget = func(r TargetRecord) (*Target, []TargetAction, error) {
					t, did, err := RestoreTarget(r)
					if err == nil && r.Fate == Aborted {
						t.state, t.writing = TargetAborted, 0
						return t, nil, nil
					}
					return t, did, err
				}
			},
		},
	}
}

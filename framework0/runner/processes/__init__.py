"""Starting the processes of steps, and ending them with everything they started.

Who is whose parent, from the top:

    warden        the process the shell started; hears signals, never runs user code
    └─ runner     the run itself
       └─ keeper  a small process of one thread that forks a supervisor for each attempt
          └─ supervisor   adopts every orphan of its step, ends the step's tree, reports how it ended
             └─ step      the user's code or command, in a session of its own

The warden, the keeper and the supervisors are *subreapers* (``PR_SET_CHILD_SUBREAPER``): a
descendant whose parent dies becomes their child, whatever session it moved to. So "no child is
left" is the kernel's own proof that nothing of a step lives on. Whichever one process of the five
is killed, those beside it notice (a closed socket, a closed pipe, ``PR_SET_PDEATHSIG``) and end the
rest. ``docs/explanation/ending_work.md`` tells the whole story.

Nothing is imported here: the warden must stay small.
"""

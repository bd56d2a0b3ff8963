struct Widget;
// ANCHOR: turn
fn turn(w: &Widget) {}
// ANCHOR_END: turn

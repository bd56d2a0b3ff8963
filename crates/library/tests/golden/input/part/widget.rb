require "widgets"
widget = Widget.new
widget.turn 90

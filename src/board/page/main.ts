import { h, render } from 'preact'
import './style/base.css'
import './style/run.css'
import './viewer/viewer.css'
import { Board } from './board.ts'

render(h(Board, {}), document.getElementById('board')!)
